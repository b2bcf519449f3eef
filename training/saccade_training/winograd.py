"""3×3 convolutions by Winograd's minimal filtering F(4×4, 3×3), written as matrix products.

ONNX Runtime's CPU kernels convolve directly. In a transformed domain a 4×4 block of outputs costs 36 products
a pair of channels in place of 144; the transforms themselves are small matrix products along one axis. That
pays where channels are many and maps small, as in a ResNet's last two stages, and there alone.
"""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock

# Lavin & Gray 2015, "Fast Algorithms for Convolutional Neural Networks", F(4, 3): y = A((G g) ∘ (B d)),
# d six inputs, g three taps, y four outputs
B = torch.tensor(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ],
    dtype=torch.float64,
)
G = (
    torch.tensor(
        [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]], dtype=torch.float64
    )
    / 24
)
A = torch.tensor(
    [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]], dtype=torch.float64
)
OUT, TILE = A.shape
# This product reaches every output of its block once, so a bias added to it is added to them all.
BIAS = TILE + 1
# fewer channels, or fewer blocks to share the reading of the weights, and the direct kernel is faster
MIN_CHANNELS, MIN_BLOCKS = 256, 48


def axis_transforms(length: int) -> tuple[Tensor, Tensor]:
    """Along an axis padded by 1: inputs → products' [6·blocks, length], and back [length, 6·blocks]."""
    blocks = math.ceil(length / OUT)
    forward = torch.zeros(TILE, blocks, length, dtype=torch.float64)
    backward = torch.zeros(length, TILE, blocks, dtype=torch.float64)
    for block in range(blocks):
        start = OUT * block - 1
        for j in range(TILE):
            if 0 <= start + j < length:  # the padding is 0, and has no column
                forward[:, block, start + j] = B[:, j]
        for i in range(min(OUT, length - OUT * block)):
            backward[OUT * block + i, :, block] = A[i]
    return forward.flatten(0, 1).float(), backward.flatten(1).float()


def suits(conv: nn.Conv2d, maps: torch.Size) -> bool:
    """Whether `WinogradConv` computes `conv` of maps [n, C, H, W], and on a CPU faster."""
    n, _, height, width = maps
    blocks = n * math.ceil(height / OUT) * math.ceil(width / OUT)
    return (
        conv.kernel_size == (3, 3)
        and conv.stride == conv.padding == conv.dilation == (1, 1)
        and conv.groups == 1
        and min(conv.in_channels, conv.out_channels) >= MIN_CHANNELS
        and blocks >= MIN_BLOCKS
        and blocks * OUT * OUT <= 1.5 * n * height * width  # the rest of the last blocks is thrown away
    )


class WinogradConv(nn.Module):
    """What `conv` computes of maps of one size, [n, C, H, W] → [n, K, H, W]; for inference only.

    Rows are gathered where one would transpose and split: ONNX Runtime does that on all threads.
    """

    weight: Tensor
    bias: Tensor
    kernel: Tensor
    rows_in: Tensor
    rows_out: Tensor
    columns_in: Tensor
    columns_out: Tensor

    def __init__(self, conv: nn.Conv2d, height: int, width: int) -> None:
        super().__init__()
        c, k = conv.in_channels, conv.out_channels
        self.register_buffer("weight", conv.weight.detach().permute(2, 3, 1, 0).reshape(9, c * k))
        self.register_buffer("bias", torch.zeros(k) if conv.bias is None else conv.bias.detach().clone())
        self.register_buffer("kernel", torch.kron(G, G).float())  # [36, 9]
        for name, length in (("rows", height), ("columns", width)):
            forward, backward = axis_transforms(length)
            self.register_buffer(f"{name}_in", forward)
            self.register_buffer(f"{name}_out", backward)

    def forward(self, x: Tensor) -> Tensor:
        return self.channels_last(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)

    def channels_last(self, x: Tensor) -> Tensor:
        """[n, H, W, C] → [n, H, W, K]."""
        n, h, w, c = x.shape
        rows, columns, k = math.ceil(h / OUT), math.ceil(w / OUT), self.bias.shape[0]
        x = self.rows_in @ x.reshape(n, h, w * c)
        x = self.columns_in @ x.reshape(n * TILE * rows, w, c)
        x = x.reshape(n * TILE * rows * TILE, columns * c)
        # which rows belong to each product, [36, n·rows]
        order = torch.arange(len(x)).reshape(n, TILE, rows, TILE).permute(1, 3, 0, 2).reshape(TILE * TILE, -1)
        # Four times the size of the weights, so the graph has those and its loading makes these, once.
        weights = (self.kernel @ self.weight).reshape(TILE * TILE, c, k)
        # In turn: a constant matrix is packed for the kernel when the graph is loaded, a stack of them never.
        products = [
            x[rows_of].reshape(-1, c) @ weight
            for rows_of, weight in zip(order, weights.unbind(), strict=True)
        ]
        products[BIAS] = products[BIAS] + self.bias
        x = torch.cat(products).reshape(-1, columns * k)[order.flatten().argsort()]
        x = self.columns_out @ x.reshape(n * TILE * rows, TILE * columns, k)
        x = self.rows_out @ x.reshape(n, TILE * rows, w * k)
        return x.reshape(n, h, w, k)


class WinogradBlock(nn.Module):
    """A BasicBlock whose second convolution is a `WinogradConv`: its sum is taken with the channels last.

    Then the transpositions between such blocks cancel out, and ONNX Runtime drops them.
    """

    def __init__(self, block: BasicBlock) -> None:
        super().__init__()
        self.conv1, self.conv2 = block.conv1, cast(WinogradConv, block.conv2)
        self.downsample = block.downsample

    def forward(self, x: Tensor) -> Tensor:
        skip = x if self.downsample is None else self.downsample(x)
        y = self.conv2.channels_last(torch.relu(self.conv1(x)).permute(0, 2, 3, 1))
        return torch.relu(y + skip.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
