"""Image backbones: a camera's frame to a feature map, with no batch statistics that drift at inference."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .config import BackboneConfig, ConfigError


class CompactBackbone(nn.Module):
    """3×3 convolutions with GroupNorm, made for 96×96 frames on a CPU. Stride = the product of its strides.

    A stride-1 layer that keeps the width is residual.
    """

    def __init__(self, channels: tuple[int, ...], strides: tuple[int, ...]) -> None:
        super().__init__()
        if len(channels) != len(strides):
            raise ConfigError("backbone.channels and backbone.strides must be equally long")
        self.stages = nn.ModuleList()
        previous = 3
        for width, stride in zip(channels, strides, strict=True):
            conv = nn.Conv2d(previous, width, 3, stride=stride, padding=1, bias=False)
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            self.stages.append(nn.Sequential(conv, nn.GroupNorm(max(1, width // 8), width)))
            previous = width
        self.residual = [
            stride == 1 and i > 0 and channels[i - 1] == width
            for i, (width, stride) in enumerate(zip(channels, strides, strict=True))
        ]
        self.channels = channels[-1]

    def forward(self, x: Tensor) -> Tensor:
        # x [B, 3, H, W], normalised
        for stage, residual in zip(self.stages, self.residual, strict=True):
            y = stage(x)
            x = torch.relu(x + y) if residual else torch.relu(y)
        return x  # [B, C, H/s, W/s]


class ResNet18Backbone(nn.Module):
    """ResNet-18's layer4 map (stride 32, 512 channels) with frozen batch norms, as in ACT and DETR."""

    channels = 512

    def __init__(self, weights: str | None) -> None:
        super().__init__()
        from torchvision.models import resnet18
        from torchvision.ops import FrozenBatchNorm2d

        net = resnet18(weights=None, norm_layer=FrozenBatchNorm2d)
        if weights is not None:
            net.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True), strict=False)
        self.body = nn.Sequential(
            net.conv1, net.bn1, net.relu, net.maxpool, net.layer1, net.layer2, net.layer3, net.layer4
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)  # [B, 512, H/32, W/32]


def build_backbone(config: BackboneConfig) -> CompactBackbone | ResNet18Backbone:
    if config.name == "resnet18":
        return ResNet18Backbone(config.weights)
    return CompactBackbone(config.channels, config.strides)
