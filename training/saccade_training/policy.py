"""The composite policy: raw pixels and joint positions in, a chunk of joint positions out.

Per camera: frames → backbone, with optical flow fused in and the M/P tokens added; position is injected;
the role's grid pools it; cameras attend to each other; a memory looks back over the episode; ACT predicts the
chunk. Each pathway has its file, and is there when the config says so.
Scaling and normalisation live in here, so that nothing has to be kept in step outside of the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .act import Act
from .backbones import ResNet18Backbone, build_backbone
from .config import ROLES, CameraSpec, ConfigError, PolicyConfig
from .cross_attention import CrossCameraAttention, PlainTokens, RolePooling
from .encoders import load_encoders
from .flow import FlowBackbone, RaftSmall, build_flow
from .flow_fusion import FLOW_FUSIONS
from .latent import GaussianLatent, VqLatent
from .memory import Cache, RecurrentMemory
from .mp import m_channels, p_channels
from .spatial_broadcast import BroadcastFusion
from .transformer import sinusoid_2d
from .two_stream import TwoStreamEncoder

IMAGE_MEAN, IMAGE_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass
class Normalisation:
    """Per joint: the state's mean and std, and those of the target (see SaccadePolicy.target)."""

    state_mean: Tensor
    state_std: Tensor
    target_mean: Tensor
    target_std: Tensor

    @staticmethod
    def identity(joints: int) -> Normalisation:
        zero, one = torch.zeros(joints), torch.ones(joints)
        return Normalisation(zero, one, zero.clone(), one.clone())


@dataclass
class Carried:
    """What a policy takes from one step of an episode to the next. B rows are S sequences of T steps each."""

    first: Tensor  # [S, T] bool: the step begins an episode
    command: Tensor | None = None  # [B, A] raw: the command of the step before
    cache: Cache | None = None  # of the memory, before the first of the T steps; none is an empty one


@dataclass
class PolicyOutput:
    target: Tensor  # [B, K, A], normalised
    latent: GaussianLatent | VqLatent | None  # in training
    views: dict[str, Tensor] = field(default_factory=dict)
    cache: Cache | None = None  # the memory's, after the last step


@dataclass
class Changes:
    """What a camera's two frames tell together, as far as the config asks for it."""

    flow: Tensor | None = None  # [B, 2, h, w], in units of its range
    m: Tensor | None = None  # [B, 4, H, W]
    p: Tensor | None = None  # [B, 5, H, W]
    patches: Tensor | None = None  # for the image map, [B, D, H/patch, W/patch]
    tokens: Tensor | None = None  # [B, T, d]


class CameraPath(nn.Module):
    """One camera: its frame, flow and M/P patches → its tokens [B, cells, d]."""

    position: Tensor

    def __init__(
        self,
        config: PolicyConfig,
        camera: CameraSpec,
        backbone: nn.Module,
        channels: int,
        on_map: bool,
        tiled: int,
    ) -> None:
        """on_map: M/P patches are added to the map; tiled: size of the vector that is broadcast over it."""
        super().__init__()
        d = config.act.d
        self.backbone = backbone
        with torch.no_grad():
            height, width = backbone(torch.zeros(1, 3, camera.height, camera.width)).shape[-2:]
        size = (height, width)
        position = sinusoid_2d(height, width, d)
        self.flow_backbone: FlowBackbone | None = None
        if config.flow.method != "off":
            self.flow_backbone = FlowBackbone(config.flow.channels)
            self.flow_fusion = FLOW_FUSIONS[config.flow.fusion](channels, self.flow_backbone.channels)
            # the encodings of the two branches are averaged, the flow's brought to the image map's grid
            scale = config.flow.scale if config.flow.method == "lucas_kanade" else 1.0
            rows, columns = (-(-int(side * scale) // 8) for side in (camera.height, camera.width))
            other = F.interpolate(
                sinusoid_2d(rows, columns, d), size=size, mode="bilinear", align_corners=False
            )
            position = 0.5 * (position + other)
        self.patches = nn.Conv2d(config.mp.dim, channels, 1) if on_map else None
        self.broadcast = BroadcastFusion(channels, tiled) if tiled else None
        self.register_buffer("position", position, persistent=False)
        self.features = nn.Conv2d(channels, d, 1)
        self.place = nn.Conv2d(d, d, 1, bias=False)
        self.pool: PlainTokens | RolePooling
        if config.cameras.mode == "plain":
            self.pool = PlainTokens(size)
        else:
            self.pool = RolePooling(d, d, size, config.cameras.grids[camera.role], config.cameras)

    def forward(
        self, image: Tensor, flow: Tensor | None, patches: Tensor | None, vector: Tensor | None
    ) -> Tensor:
        x = self.backbone(image)  # [B, C, h, w]
        if self.flow_backbone is not None and flow is not None:
            moving = self.flow_backbone(flow)  # [B, F, ., .]
            moving = F.interpolate(moving, size=x.shape[-2:], mode="bilinear", align_corners=False)
            x = self.flow_fusion(x, moving)
        if self.patches is not None and patches is not None:
            patches = self.patches(patches)
            x = x + F.interpolate(patches, size=x.shape[-2:], mode="bilinear", align_corners=False)
        if self.broadcast is not None and vector is not None:
            x = self.broadcast(x, vector)
        # Position joins before the pooling and passes a ReLU, so that an average still tells where.
        x = torch.relu(self.features(x) + self.place(self.position))  # [B, d, h, w]
        return self.pool(x)


class SaccadePolicy(nn.Module):
    image_mean: Tensor
    image_std: Tensor
    state_mean: Tensor
    state_std: Tensor
    target_mean: Tensor
    target_std: Tensor
    relative: Tensor

    def __init__(
        self,
        config: PolicyConfig,
        cameras: Sequence[CameraSpec],
        joints: Sequence[str],
        normalisation: Normalisation | None = None,
    ) -> None:
        super().__init__()
        check_cameras(cameras)
        self.config, self.cameras, self.joints = config, list(cameras), list(joints)
        n = len(joints)
        for name, value in vars(normalisation or Normalisation.identity(n)).items():
            self.register_buffer(name, value.clone().float())
        self.register_buffer("relative", relative_joints(config, joints))
        self.register_buffer("image_mean", torch.tensor(IMAGE_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("image_std", torch.tensor(IMAGE_STD).view(1, 3, 1, 1), persistent=False)

        # the order of tokens and of what cameras attend to: by role, whatever the dataset's order
        self.by_role = sorted(cameras, key=lambda c: ROLES.index(c.role))
        shared = build_backbone(config.backbone) if config.backbone.shared else None
        on_map = config.mp.enabled and config.mp.aggregation == "pixelwise" and config.mp.patches == "map"
        self.paths = nn.ModuleDict()
        for camera in cameras:
            backbone = shared or build_backbone(config.backbone)
            tiled = n * len(config.cameras.broadcast)
            self.paths[camera.name] = CameraPath(config, camera, backbone, backbone.channels, on_map, tiled)
        self.flow = None if config.flow.method == "off" else build_flow(config.flow, cameras)
        self.two_stream: nn.ModuleDict | None = None
        extra = 0
        if config.mp.enabled:
            # one pair of encoders for all cameras of a size: change looks alike everywhere
            self.two_stream = nn.ModuleDict()
            self.cls = nn.ModuleDict()
            for c in cameras:
                key = size_key(c)
                if key not in self.two_stream:
                    self.two_stream[key] = TwoStreamEncoder(c.height, c.width, config.mp)
            for c in cameras:
                aggregate = self.encoder_of(c).aggregate
                self.cls[c.name] = nn.Linear(aggregate.width, config.act.d)
                extra += aggregate.count
        self.cross: CrossCameraAttention | None = None
        if config.cameras.mode != "plain":
            self.cross = CrossCameraAttention(self.by_role, config.act.d, config.cameras)
        self.memory: RecurrentMemory | None = None
        if config.memory.enabled:
            memory = config.memory
            self.summary = nn.Linear(len(cameras) * config.act.d + n, config.act.d)
            self.memory = RecurrentMemory(config.act.d, memory.heads, memory.layers, memory.length)
            extra += 1
        cells = sum(rows * columns for rows, columns in self.grids.values())
        self.act = Act(config.act, n, cells + extra)

    @property
    def grids(self) -> dict[str, tuple[int, int]]:
        """Rows and columns of each camera's tokens, in the order of ACT's perception tokens."""
        return {c.name: cast(CameraPath, self.paths[c.name]).pool.grid for c in self.by_role}

    def encoder_of(self, camera: CameraSpec) -> TwoStreamEncoder:
        assert self.two_stream is not None
        return cast(TwoStreamEncoder, self.two_stream[size_key(camera)])

    @property
    def edges(self) -> dict[str, tuple[str, str]]:
        """The attention views: name → the camera that looks, and the one it looks at."""
        sources = self.cross.sources if self.cross is not None else {}
        return {f"attention_{q}_from_{k}": (q, k) for q, keys in sources.items() for k in keys}

    @property
    def looks_back(self) -> bool:
        """Whether anything looks at the previous frames: flow or M/P."""
        return self.flow is not None or self.two_stream is not None

    @property
    def carries_command(self) -> bool:
        return "command" in self.config.cameras.broadcast

    def load_pretrained(self) -> None:
        """Takes the weight files the config names; a checkpoint holds them, so only a new run needs them."""
        if self.two_stream is not None and self.config.mp.encoders is not None:
            for camera in self.cameras:
                load_encoders(self.encoder_of(camera), self.config.mp)
        if isinstance(self.flow, RaftSmall) and self.config.flow.weights is not None:
            self.flow.load(self.config.flow.weights)
        if self.config.backbone.weights is not None:
            for module in self.modules():
                if isinstance(module, ResNet18Backbone):
                    module.load(self.config.backbone.weights)

    # -- units -----------------------------------------------------------------------------------------

    def target(self, actions: Tensor, state: Tensor) -> Tensor:
        """Joint targets [B, K, A] → what the network predicts: relative to the state where asked, scaled."""
        return (actions - (self.relative * state)[:, None] - self.target_mean) / self.target_std

    def actions(self, target: Tensor, state: Tensor) -> Tensor:
        """The inverse of `target`: robot units."""
        return target * self.target_std + self.target_mean + (self.relative * state)[:, None]

    # -- the network -----------------------------------------------------------------------------------

    def forward(
        self,
        current: Sequence[Tensor],
        previous: Sequence[Tensor],
        state: Tensor,
        actions: Tensor | None = None,
        valid: Tensor | None = None,
        colour: Callable[[int, Tensor], Tensor] | None = None,
        carried: Carried | None = None,
        vq_sample: Tensor | None = None,
    ) -> PolicyOutput:
        """current, previous: per camera uint8 [B, H, W, 3]; state [B, J] raw; actions [B, K, A] raw and
        valid [B, K] in training; colour(camera, frame in [0, 1]) augments both frames of a camera alike;
        carried: without it each row is the first of its episode; vq_sample: see Act."""
        views: dict[str, Tensor] = {}
        if carried is None:
            carried = Carried(torch.ones(len(state), 1, dtype=torch.bool, device=state.device))
        normal_state = (state - self.state_mean) / self.state_std
        vector = self._tiled(state, normal_state, carried)

        def prepare(frames: Sequence[Tensor]) -> list[Tensor]:
            # [B, 3, H, W] in [0, 1]; contiguous, as what works on single channels is slow otherwise
            unit = [x.permute(0, 3, 1, 2).contiguous().float() * (1 / 255) for x in frames]
            return unit if colour is None else [colour(i, x) for i, x in enumerate(unit)]

        now = prepare(current)
        before = prepare(previous) if self.looks_back else now
        seen = self._changes(before, now)
        for kind in ("flow", "m", "p"):
            found = {c.name: getattr(s, kind) for c, s in zip(self.cameras, seen, strict=True)}
            views |= {f"{kind}_{name}": x for name, x in found.items() if x is not None}
        tokens = {
            c.name: self.paths[c.name]((x - self.image_mean) / self.image_std, s.flow, s.patches, vector)
            for c, x, s in zip(self.cameras, now, seen, strict=True)
        }
        if self.cross is not None:
            tokens, weights = self.cross(tokens)
            views |= {f"attention_{edge}": weight for edge, weight in weights.items()}
        perceived = [tokens[c.name] for c in self.by_role]  # [B, tokens, d] each
        perceived += [s.tokens for s in seen if s.tokens is not None]
        cache = None
        if self.memory is not None:
            means = [tokens[c.name].mean(dim=1) for c in self.by_role]
            summary = self.summary(torch.cat([*means, normal_state], dim=-1))  # [B, d]
            latents, cache = self.memory(
                summary.unflatten(0, tuple(carried.first.shape)), carried.first, carried.cache
            )
            perceived.append(latents.flatten(0, 1)[:, None])

        target = None if actions is None else self.target(actions, state)
        predicted, latent = self.act(torch.cat(perceived, dim=1), normal_state, target, valid, vq_sample)
        return PolicyOutput(predicted, latent, views, cache)

    def _tiled(self, state: Tensor, normal_state: Tensor, carried: Carried) -> Tensor | None:
        """The vector that is broadcast over the maps, [B, F]; at an episode's start the last command is the
        state."""
        parts = []
        for source in self.config.cameras.broadcast:
            if source == "state":
                parts.append(normal_state)
            else:
                command = state if carried.command is None else carried.command
                command = torch.where(carried.first.flatten()[:, None], state, command)
                parts.append((command - self.state_mean) / self.state_std)
        return torch.cat(parts, dim=-1) if parts else None

    def _changes(self, before: Sequence[Tensor], now: Sequence[Tensor]) -> list[Changes]:
        """Of each camera; those of one size pass what they share the weights of together."""
        found = [Changes() for _ in now]
        if not self.looks_back:
            return found
        for key in dict.fromkeys(map(size_key, self.cameras)):
            at = [i for i, c in enumerate(self.cameras) if size_key(c) == key]
            earlier, later = (torch.cat([frames[i] for i in at]) for frames in (before, now))
            if self.flow is not None:
                reach = self.config.flow.range_px
                with torch.autocast(later.device.type, enabled=False):
                    flow = self.flow(earlier, later).clamp(-reach, reach) / reach
                for i, part in zip(at, flow.chunk(len(at)), strict=True):
                    found[i].flow = part
            if self.two_stream is not None:
                m, p = m_channels(earlier, later), p_channels(later)
                tokens, patches = self.two_stream[key](m, p)
                for n, i in enumerate(at):
                    found[i].m, found[i].p = m.chunk(len(at))[n], p.chunk(len(at))[n]
                    found[i].patches = None if patches is None else patches.chunk(len(at))[n]
                    found[i].tokens = self.cls[self.cameras[i].name](tokens.chunk(len(at))[n])
        return found


def size_key(camera: CameraSpec) -> str:
    return f"{camera.width}x{camera.height}"


def check_cameras(cameras: Sequence[CameraSpec]) -> None:
    """Raises ConfigError for none, and for names that cannot name a camera's weights."""
    if not cameras:
        raise ConfigError("the policy needs at least one camera: name some under data.cameras")
    names = [c.name for c in cameras]
    for name in names:
        if names.count(name) > 1 or "." in name or hasattr(nn.ModuleDict, name):
            raise ConfigError(f"{name!r} cannot name a camera here, or names two: rename it in the dataset")


def relative_joints(config: PolicyConfig, joints: Sequence[str]) -> Tensor:
    """1 where a joint is predicted relative to its measured position, else 0. [J]."""
    if not config.act.relative:
        return torch.zeros(len(joints))
    for name in config.act.absolute:
        if name not in joints:
            raise ConfigError(f"act.absolute names {name}, which is not a joint: one of {', '.join(joints)}")
    return torch.tensor([0.0 if name in config.act.absolute else 1.0 for name in joints])
