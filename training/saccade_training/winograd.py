"""3×3 convolutions by Winograd's minimal filtering F(m×m, 3×3), written as matrix products.

ONNX Runtime's CPU kernels convolve directly. In a transformed domain an m×m block of outputs costs (m+2)²
products a pair of channels in place of 9m². The transforms are themselves matrix products, of small constant
matrices with a block's (m+2)² inputs and products. That pays where channels are many.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock

TAPS = 3
# Where polynomials are evaluated, in this order, and at infinity: small numbers, for small rounding errors
POINTS = [Fraction(p) for p in ("0", "1", "-1", "2", "-2", "1/2", "-1/2")]
SIZES = (4, 5, 6)  # of blocks: the larger ones are a little less exact
# With fewer channels or positions the direct kernel is faster, and with less saved, too.
MIN_CHANNELS, MIN_POSITIONS, MIN_SAVED = 256, 512, 3.0

Matrix = list[list[Fraction]]


def transforms(m: int) -> tuple[Tensor, Tensor, Tensor]:
    """A [m, m+2], B [m+2, m+2] and G [m+2, 3] of F(m, 3), float64.

    y = A((G g) ∘ (B d)) correlates d, m+2 inputs, with g, three taps. After Toom and Cook: a product of two
    polynomials is found from its values at points, and a correlation is that product, transposed (Blahut
    2010, "Fast Algorithms for Signal Processing", ch. 5). F(4, 3) is that of Lavin & Gray 2015.
    """
    n = m + TAPS - 1

    def values(coefficients: int) -> Matrix:
        """Of the powers at the points; at infinity the last coefficient."""
        at_infinity = [Fraction(int(j == coefficients - 1)) for j in range(coefficients)]
        return [[p**j for j in range(coefficients)] for p in POINTS[: n - 1]] + [at_infinity]

    a, g = transposed(values(m)), values(TAPS)
    b = transposed(inverse(values(n)))
    for row, taps in zip(b, g, strict=True):
        scale = math.lcm(*(x.denominator for x in row))  # B then holds whole numbers
        row[:], taps[:] = [x * scale for x in row], [x / scale for x in taps]
    return as_tensor(a), as_tensor(b), as_tensor(g)


def inverse(matrix: Matrix) -> Matrix:
    """By Gauss and Jordan."""
    n = len(matrix)
    rows = [[*row, *(Fraction(int(i == j)) for j in range(n))] for i, row in enumerate(matrix)]
    for i in range(n):
        pivot = next(k for k in range(i, n) if rows[k][i])
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [x / rows[i][i] for x in rows[i]]
        for k in range(n):
            if k != i:
                rows[k] = [x - rows[k][i] * y for x, y in zip(rows[k], rows[i], strict=True)]
    return [row[n:] for row in rows]


def transposed(matrix: Matrix) -> Matrix:
    return [list(column) for column in zip(*matrix, strict=True)]


def as_tensor(matrix: Matrix) -> Tensor:
    return torch.tensor([[float(x) for x in row] for row in matrix], dtype=torch.float64)


def block_size(length: int) -> int:
    """Of the blocks that need the fewest products along an axis."""
    return min(SIZES, key=lambda m: (m + TAPS - 1) * math.ceil(length / m))


def suits(conv: nn.Conv2d, maps: torch.Size) -> bool:
    """Whether `WinogradConv` computes `conv` of maps [n, C, H, W], and on a CPU faster."""
    n, _, height, width = maps
    products = n
    for length in (height, width):
        m = block_size(length)
        products *= (m + TAPS - 1) * math.ceil(length / m)
    return (
        conv.kernel_size == (TAPS, TAPS)
        and conv.stride == conv.padding == conv.dilation == (1, 1)
        and conv.groups == 1
        and min(conv.in_channels, conv.out_channels) >= MIN_CHANNELS
        and n * height * width >= MIN_POSITIONS
        and TAPS * TAPS * n * height * width >= MIN_SAVED * products
    )


class WinogradConv(nn.Module):
    """What `conv` computes of maps of one shape [n, C, H, W], with K channels; for inference only.

    Maps are held as rows, one a position, [n·H·W, C], which are gathered into blocks and back: ONNX Runtime
    does that on all threads. The products are a convolution 1×1 in groups, whose kernel is its fastest.
    """

    taps: Tensor
    places: Tensor
    into: Tensor
    back: Tensor
    kernel: Tensor
    weight: Tensor
    bias: Tensor

    def __init__(self, conv: nn.Conv2d, maps: torch.Size) -> None:
        super().__init__()
        n, _, h, w = maps
        p, q = block_size(h), block_size(w)
        (a_rows, b_rows, g_rows), (a_columns, b_columns, g_columns) = transforms(p), transforms(q)
        rows, columns = math.ceil(h / p), math.ceil(w / q)
        self.shape, self.blocks = (n, h, w, conv.out_channels), n * rows * columns
        self.products = len(b_rows) * len(b_columns)

        # [n, rows, columns, p+2, q+2]: the position of each block's inputs, and whether it is in the map
        i = (torch.arange(rows)[:, None] * p + torch.arange(len(b_rows)) - 1)[:, None, :, None]
        j = (torch.arange(columns)[:, None] * q + torch.arange(len(b_columns)) - 1)[None, :, None, :]
        inside = ((i >= 0) & (i < h) & (j >= 0) & (j < w)).expand(n, -1, -1, -1, -1)
        position = torch.arange(n)[:, None, None, None, None] * h * w + i * w + j
        self.register_buffer("taps", position.where(inside, torch.zeros(())).long().flatten())
        # the padding is 0, and has no column
        into = torch.kron(b_rows, b_columns).float() * inside.reshape(self.blocks, 1, self.products)
        self.register_buffer("into", into)  # [blocks, products, (p+2)·(q+2)]
        self.register_buffer("back", torch.kron(a_rows, a_columns).float())  # [p·q, products]
        # where in the blocks each position comes out
        i, j = torch.arange(h)[:, None], torch.arange(w)
        block = torch.arange(n)[:, None, None] * rows * columns + i // p * columns + j // q
        self.register_buffer("places", ((i % p * q + j % q) * self.blocks + block).flatten())

        self.register_buffer("kernel", torch.kron(g_rows, g_columns).float())  # [products, 9]
        self.register_buffer("weight", conv.weight.detach().permute(2, 3, 0, 1).reshape(TAPS * TAPS, -1))
        # The product of both axes' point 1 reaches every output of its block once, and so does a bias there.
        bias = torch.zeros(self.products, conv.out_channels)
        if conv.bias is not None:
            bias[POINTS.index(Fraction(1)) * (len(b_columns) + 1)] = conv.bias.detach()
        self.register_buffer("bias", bias.flatten())

    def forward(self, x: Tensor) -> Tensor:
        """[n, C, H, W] → [n, K, H, W]."""
        y = self.in_blocks(x.permute(0, 2, 3, 1).flatten(0, 2), self.taps)[self.places]
        return y.reshape(self.shape).permute(0, 3, 1, 2)

    def in_blocks(self, rows: Tensor, taps: Tensor) -> Tensor:
        """Rows, of which `taps` are the blocks' inputs → [p·q·blocks, K], with the positions at `places`."""
        c, k = rows.shape[1], self.shape[-1]
        x = self.into @ rows[taps].reshape(self.blocks, self.products, c)
        x = x.reshape(1, self.blocks, 1, self.products * c).permute(0, 3, 1, 2)
        # Several times the size of the weights, so the graph has those and its loading makes these, once.
        weight = (self.kernel @ self.weight).reshape(self.products * k, c, 1, 1)
        x = F.conv2d(x, weight, self.bias, groups=self.products)
        y = self.back @ x.reshape(self.products, k * self.blocks)
        return y.reshape(-1, k, self.blocks).transpose(1, 2).reshape(-1, k)


class WinogradBlock(nn.Module):
    """A BasicBlock whose second convolution, or both, are `WinogradConv`s.

    From one to the other the rows stay in blocks, and the sum is taken with the channels last: the
    transpositions between such blocks then cancel out, and ONNX Runtime drops them.
    """

    def __init__(self, block: BasicBlock) -> None:
        super().__init__()
        self.conv1, self.conv2 = block.conv1, cast(WinogradConv, block.conv2)
        self.downsample = block.downsample

    def forward(self, x: Tensor) -> Tensor:
        skip = (x if self.downsample is None else self.downsample(x)).permute(0, 2, 3, 1)
        if isinstance(self.conv1, WinogradConv):
            y = self.conv1.in_blocks(x.permute(0, 2, 3, 1).flatten(0, 2), self.conv1.taps)
            taps = self.conv1.places[self.conv2.taps]
        else:
            y, taps = self.conv1(x).permute(0, 2, 3, 1).flatten(0, 2), self.conv2.taps
        y = self.conv2.in_blocks(torch.relu(y), taps)[self.conv2.places]
        return torch.relu(y.reshape(skip.shape) + skip).permute(0, 3, 1, 2)
