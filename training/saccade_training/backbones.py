"""Image backbones: a camera's frame to a feature map, with no batch statistics that drift at inference."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchvision.models import ResNet, resnet18
from torchvision.ops import FrozenBatchNorm2d

from .config import BackboneConfig
from .weights import load_weights


class CompactBackbone(nn.Module):
    """3×3 convolutions with GroupNorm, made for 96×96 frames on a CPU. Stride = the product of its strides.

    A stride-1 layer that keeps the width is residual.
    """

    def __init__(self, channels: tuple[int, ...], strides: tuple[int, ...]) -> None:
        super().__init__()
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

    def __init__(self) -> None:
        super().__init__()
        self.body = self._body(resnet18(norm_layer=FrozenBatchNorm2d))

    @staticmethod
    def _body(net: ResNet) -> nn.Sequential:
        return nn.Sequential(
            net.conv1, net.bn1, net.relu, net.maxpool, net.layer1, net.layer2, net.layer3, net.layer4
        )

    def load(self, path: str) -> None:
        """Takes torchvision's ImageNet weights from a file."""
        net = resnet18(norm_layer=FrozenBatchNorm2d)
        load_weights(net, path, "backbone.weights", "resnet18")
        self.body.load_state_dict(self._body(net).state_dict())

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)  # [B, 512, H/32, W/32]


def build_backbone(config: BackboneConfig) -> CompactBackbone | ResNet18Backbone:
    if config.name == "resnet18":
        return ResNet18Backbone()
    return CompactBackbone(config.channels, config.strides)
