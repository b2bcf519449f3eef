"""TwoStreamDINO: self-distillation (Caron et al. 2021) of the fused CLS token of the two streams.

A clip is two consecutive frames; every crop takes the SAME box of both, so that what M shows is change and
not the crop's own motion. The student sees all crops, the teacher the global one; the teacher is an average
of the student. The loss is DINO's: cross-entropy between both heads' softmax, the teacher's centred and
sharpened.
"""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .clips import draw_pairs
from .config import PretrainConfig
from .dataset import Demonstrations
from .mp import m_channels, p_channels
from .objective import Objective
from .two_stream import TwoStreamEncoder

STUDENT_TEMPERATURE, TEACHER_TEMPERATURE, CENTRE_MOMENTUM = 0.1, 0.04, 0.9
GLOBAL_SCALE, LOCAL_SCALE = (0.5, 1.0), (0.1, 0.5)  # shares of the frame's area that crops take


class DinoHead(nn.Module):
    """[B, D] → scores of the prototypes [B, prototypes], each a cosine similarity."""

    def __init__(self, d: int, prototypes: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(d, 4 * d), nn.BatchNorm1d(4 * d), nn.GELU(), nn.Linear(4 * d, d))
        self.prototypes = nn.Parameter(torch.randn(prototypes, d))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(F.normalize(self.mlp(x), dim=-1), F.normalize(self.prototypes, dim=-1))


class TwoStreamDino(Objective):
    centre: Tensor

    def __init__(self, encoder: TwoStreamEncoder, width: int, config: PretrainConfig) -> None:
        """width: of the tokens that the encoder's aggregation gives; the first is the CLS token."""
        super().__init__()
        self.config = config
        self.encoder = encoder
        self.head = DinoHead(width, config.prototypes)
        self.teacher = copy.deepcopy(nn.ModuleList([encoder, self.head])).requires_grad_(False)
        self.register_buffer("centre", torch.zeros(config.prototypes))

    def loss(self, data: Demonstrations, generator: torch.Generator, device: torch.device) -> Tensor:
        config = self.config
        before, now, _ = draw_pairs(data, config.batch, 1, generator)
        static = torch.rand(config.batch, generator=generator) < config.static
        before = torch.where(static[:, None, None, None], now, before)
        sides = [(config.global_px, GLOBAL_SCALE)] + [(config.local_px, LOCAL_SCALE)] * config.locals
        crops = []
        for side, scale in sides:
            grid = crop_grid(config.batch, side, scale, generator)
            crops.append((crop(before, grid).to(device), crop(now, grid).to(device)))
        with torch.no_grad():
            taught = self._scores(self.teacher[0], self.teacher[1], *crops[0])
            target = ((taught - self.centre) / TEACHER_TEMPERATURE).softmax(dim=-1)
            self.centre.lerp_(taught.mean(dim=0), 1 - CENTRE_MOMENTUM)
        losses = []
        for view in crops[1:]:  # the global crop is not asked for itself
            student = self._scores(self.encoder, self.head, *view) / STUDENT_TEMPERATURE
            losses.append(-(target * student.log_softmax(dim=-1)).sum(dim=-1).mean())
        return torch.stack(losses).mean()

    def _scores(self, encoder: nn.Module, head: nn.Module, before: Tensor, now: Tensor) -> Tensor:
        tokens, _ = encoder(m_channels(before, now), p_channels(now))
        return head(tokens[:, 0])

    @torch.no_grad()
    def after_step(self) -> None:
        """The teacher follows the student."""
        teacher: list[Tensor] = list(self.teacher.parameters())
        student: list[Tensor] = [*self.encoder.parameters(), *self.head.parameters()]
        torch._foreach_lerp_(teacher, student, 1 - self.config.momentum)


def crop_grid(count: int, side: int, scale: tuple[float, float], generator: torch.Generator) -> Tensor:
    """Boxes of random size and place, one a clip, mirrored half the time, as sampling grids [B, side, side,
    2]."""
    low, high = scale
    extent = (low + (high - low) * torch.rand(count, generator=generator)).sqrt()  # share of each side
    x, y = (2 * torch.rand(2, count, generator=generator) - 1) * (1 - extent)  # centres, in [-1, 1]
    flip = 1 - 2 * (torch.rand(count, generator=generator) < 0.5).float()
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1] = extent * flip, extent
    theta[:, 0, 2], theta[:, 1, 2] = x, y
    return F.affine_grid(theta, [count, 3, side, side], align_corners=False)


def crop(frames: Tensor, grid: Tensor) -> Tensor:
    return F.grid_sample(frames, grid, padding_mode="border", align_corners=False)
