"""The composite policy: raw pixels and joint positions in, a chunk of joint positions out.

Per camera: frames → backbone, with optical flow fused in and the M/P tokens added; position is injected;
the role's grid pools it; cameras attend to each other; ACT predicts the chunk. Each pathway has its file.
Scaling and normalisation live in here, so that nothing has to be kept in step outside of the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .act import Act
from .backbones import ResNet18Backbone, build_backbone
from .config import ROLES, CameraSpec, ConfigError, PolicyConfig
from .cross_attention import CrossCameraAttention, RolePooling
from .flow import FlowBackbone, RaftSmall, build_flow
from .flow_fusion import FLOW_FUSIONS
from .mp import m_channels, p_channels
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
class PolicyOutput:
    target: Tensor  # [B, K, A], normalised
    mu: Tensor | None  # [B, latent], in training
    logvar: Tensor | None
    views: dict[str, Tensor] = field(default_factory=dict)


def over_cameras(function: Callable[..., Tensor], *streams: Sequence[Tensor]) -> list[Tensor]:
    """Applies a function whose weights the cameras share: at once where their sizes agree, else in turn."""
    first = streams[0]
    if len(first) == 1 or any(x.shape != first[0].shape for x in first):
        return [function(*xs) for xs in zip(*streams, strict=True)]
    return list(function(*(torch.cat(list(s)) for s in streams)).chunk(len(first)))


class CameraPath(nn.Module):
    """One camera: its frame, flow and M/P patches → its tokens [B, cells, d]."""

    position: Tensor

    def __init__(self, config: PolicyConfig, camera: CameraSpec, backbone: nn.Module, channels: int) -> None:
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
        self.patches = nn.Conv2d(config.mp.dim, channels, 1) if config.mp.enabled else None
        self.register_buffer("position", position, persistent=False)
        self.features = nn.Conv2d(channels, d, 1)
        self.place = nn.Conv2d(d, d, 1, bias=False)
        self.pool = RolePooling(d, d, size, config.cameras.grids[camera.role], config.cameras)

    def forward(self, image: Tensor, flow: Tensor | None, patches: Tensor | None) -> Tensor:
        x = self.backbone(image)  # [B, C, h, w]
        if self.flow_backbone is not None and flow is not None:
            moving = self.flow_backbone(flow)  # [B, F, ., .]
            moving = F.interpolate(moving, size=x.shape[-2:], mode="bilinear", align_corners=False)
            x = self.flow_fusion(x, moving)
        if self.patches is not None and patches is not None:
            patches = self.patches(patches)
            x = x + F.interpolate(patches, size=x.shape[-2:], mode="bilinear", align_corners=False)
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
        if sorted(c.role for c in cameras) != sorted(ROLES):
            raise ConfigError(f"the policy needs one camera of each role: {', '.join(ROLES)}")
        self.config, self.cameras, self.joints = config, list(cameras), list(joints)
        n = len(joints)
        for name, value in vars(normalisation or Normalisation.identity(n)).items():
            self.register_buffer(name, value.clone().float())
        self.register_buffer("relative", relative_joints(config, joints))
        self.register_buffer("image_mean", torch.tensor(IMAGE_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("image_std", torch.tensor(IMAGE_STD).view(1, 3, 1, 1), persistent=False)

        shared = build_backbone(config.backbone) if config.backbone.shared else None
        self.paths = nn.ModuleDict()
        for camera in cameras:
            backbone = shared or build_backbone(config.backbone)
            self.paths[camera.role] = CameraPath(config, camera, backbone, backbone.channels)
        self.flow = None if config.flow.method == "off" else build_flow(config.flow, cameras)
        self.two_stream: nn.ModuleDict | None = None
        extra = 0
        if config.mp.enabled:
            # one pair of encoders for all cameras of a size: change looks alike everywhere
            self.two_stream = nn.ModuleDict()
            for c in cameras:
                key = f"{c.width}x{c.height}"
                if key not in self.two_stream:
                    self.two_stream[key] = TwoStreamEncoder(c.height, c.width, config.mp)
            self.cls = nn.ModuleDict({c.role: nn.Linear(config.mp.dim, config.act.d) for c in cameras})
            extra = len(cameras)
        self.cross = CrossCameraAttention(config.act.d, config.cameras)
        spatial = config.cameras.mode == "spatial"
        cells = sum(config.cameras.grids[role] ** 2 if spatial else 1 for role in ROLES)
        self.act = Act(config.act, n, cells + extra)

    def load_pretrained(self) -> None:
        """Takes the weight files the config names; a checkpoint holds them, so only a new run needs them."""
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
    ) -> PolicyOutput:
        """current, previous: per camera uint8 [B, H, W, 3]; state [B, J] raw; actions [B, K, A] raw and
        valid [B, K] in training; colour(camera, frame in [0, 1]) augments both frames of a camera alike."""
        views: dict[str, Tensor] = {}

        def prepare(frames: Sequence[Tensor]) -> list[Tensor]:
            unit = [x.permute(0, 3, 1, 2).float() * (1 / 255) for x in frames]  # [B, 3, H, W] in [0, 1]
            return unit if colour is None else [colour(i, x) for i, x in enumerate(unit)]

        now, before = prepare(current), prepare(previous)
        flows: list[Tensor | None] = [None] * len(now)
        if self.flow is not None:
            reach = self.config.flow.range_px
            with torch.autocast(now[0].device.type, enabled=False):
                found = over_cameras(self.flow, before, now)
            flows = [x.clamp(-reach, reach) / reach for x in found]
            views |= {f"flow_{c.name}": x for c, x in zip(self.cameras, flows, strict=True) if x is not None}
        patches: list[Tensor | None] = [None] * len(now)
        cls: list[Tensor] = []
        if self.two_stream is not None:
            m, p = over_cameras(m_channels, before, now), over_cameras(p_channels, now)
            patches, cls = self._two_stream(m, p)
            views |= {f"m_{c.name}": x for c, x in zip(self.cameras, m, strict=True)}
            views |= {f"p_{c.name}": x for c, x in zip(self.cameras, p, strict=True)}

        tokens = {
            c.role: self.paths[c.role]((x - self.image_mean) / self.image_std, flow, patch)
            for c, x, flow, patch in zip(self.cameras, now, flows, patches, strict=True)
        }
        tokens, weights = self.cross(tokens)
        names = {c.role: c.name for c in self.cameras}
        for edge, weight in weights.items():
            query, key = edge.split("_from_")
            views[f"attention_{names[query]}_from_{names[key]}"] = weight
        perception = torch.cat([tokens[role] for role in ROLES] + [x[:, None] for x in cls], dim=1)

        normal_state = (state - self.state_mean) / self.state_std
        target = None if actions is None else self.target(actions, state)
        predicted, mu, logvar = self.act(perception, normal_state, target, valid)
        return PolicyOutput(predicted, mu, logvar, views)

    def _two_stream(self, m: list[Tensor], p: list[Tensor]) -> tuple[list[Tensor | None], list[Tensor]]:
        assert self.two_stream is not None
        patches: list[Tensor | None] = [None] * len(m)
        cls: list[Tensor] = [m[0]] * len(m)
        for key, encoder in self.two_stream.items():
            at = [i for i, c in enumerate(self.cameras) if f"{c.width}x{c.height}" == key]
            cls_all, patches_all = encoder(torch.cat([m[i] for i in at]), torch.cat([p[i] for i in at]))
            for i, one, grid in zip(at, cls_all.chunk(len(at)), patches_all.chunk(len(at)), strict=True):
                cls[i], patches[i] = self.cls[self.cameras[i].role](one), grid
        return patches, cls


def relative_joints(config: PolicyConfig, joints: Sequence[str]) -> Tensor:
    """1 where a joint is predicted relative to its measured position, else 0. [J]."""
    if not config.act.relative:
        return torch.zeros(len(joints))
    for name in config.act.absolute:
        if name not in joints:
            raise ConfigError(f"act.absolute names {name}, which is not a joint: one of {', '.join(joints)}")
    return torch.tensor([0.0 if name in config.act.absolute else 1.0 for name in joints])
