"""Separable convolution, along one axis after the other, with kernels that are sums of products of lines.

A line is a kernel along one axis, and its convolution is a banded matrix, including stride, border and transposition:
the matrix is PyTorch's one-dimensional convolution of the unit vectors. The matrices are multiplied as dense ones. Most
of their entries are zeros, but the products are still faster than convolutions of single channels.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

# Names in torch.nn.functional.pad of the padding modes of PyTorch's convolutions.
PAD_MODE = {"zeros": "constant", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}


def line_matrices(
    lines: Float[Tensor, "lines scales side"],
    length: int,
    stride: int,
    padding: int,
    mode: str = "zeros",
    transposed: bool = False,
    output_padding: int = 0,
) -> Float[Tensor, "lines scales new {length}"]:
    """Matrices of the convolution with each line along an axis of ``length`` pixels."""
    units = torch.eye(length, dtype=lines.dtype, device=lines.device).unsqueeze(1)
    taps = lines.flatten(0, 1).unsqueeze(1)
    if transposed:
        columns = F.conv_transpose1d(units, taps.transpose(0, 1), None, stride, padding, output_padding)
    elif padding and mode != "zeros":
        columns = F.conv1d(F.pad(units, [padding, padding], mode=PAD_MODE[mode]), taps, None, stride)
    else:
        columns = F.conv1d(units, taps, None, stride, padding)
    return columns.permute(1, 2, 0).unflatten(0, lines.shape[:2])


def separable_conv(
    x: Float[Tensor, "b in s *space"],
    weight: Float[Tensor, "out in functions"],
    lines: Float[Tensor, "lines s side"],
    factors: Sequence[tuple[int, ...]],
    stride: int,
    padding: int,
    mode: str = "zeros",
    transposed: bool = False,
    output_padding: int | list[int] = 0,
) -> Float[Tensor, "b out s *new"]:
    """Convolution of each scale with its own kernels: sums over functions of weight times product of lines.

    The axes are processed from the last to the second. Then the channels are mixed. The first axis comes last: it costs
    as many products as it has lines, not as many as there are functions.

    Args:
        x: a map on the window of scales.
        weight: coefficients of the functions.
        lines: the distinct lines at each scale.
        factors: for each function the index of its line along each axis.
        stride: in pixels.
        padding: pixels added at each border.
        mode: the values beyond the border.
        transposed: true for the transposed convolution.
        output_padding: pixels added at the far border of the transposed convolution, for all axes or each.
    """
    dims = len(factors[0])
    more = [output_padding] * dims if isinstance(output_padding, int) else list(output_padding)
    matrices = [
        line_matrices(lines, side, stride, padding, mode, transposed, extra)
        for side, extra in zip(x.shape[3:], more, strict=True)
    ]
    partial = x.transpose(1, 2).unsqueeze(2)  # [B, S, products, C, *space]
    products: list[tuple[int, ...]] = [()]
    for axis in range(dims - 1, 0, -1):
        longer = sorted({row[axis:] for row in factors})
        parents = [products.index(product[1:]) for product in longer]
        along = matrices[axis][[product[0] for product in longer]].transpose(0, 1)  # [S, products, new, old]
        partial = _apply(partial[:, :, parents], along, axis)
        products = longer
    return _mix_channels(partial, products, weight, matrices[0], factors)


def _apply(
    x: Float[Tensor, "b s p c *space"], matrices: Float[Tensor, "s p new old"], axis: int
) -> Float[Tensor, "b s p c *moved"]:
    """Apply the matrices along one axis of space."""
    moved = x.movedim(4 + axis, -1)
    flat = moved.flatten(3, -2)
    return (flat @ matrices.transpose(-1, -2)).unflatten(3, moved.shape[3:-1]).movedim(-1, 4 + axis)


def _mix_channels(
    x: Float[Tensor, "b s p c *space"],
    products: list[tuple[int, ...]],
    weight: Float[Tensor, "out in functions"],
    matrices: Float[Tensor, "lines s new old"],
    factors: Sequence[tuple[int, ...]],
) -> Float[Tensor, "b out s *new"]:
    """Mix the channels for each line of the first axis, convolve along this axis, and sum over the lines."""
    table = weight.new_zeros(matrices.shape[0], len(products), *weight.shape[:2])  # [lines, products, out, in]
    first = [row[0] for row in factors]
    rest = [products.index(row[1:]) for row in factors]
    table = table.index_put((torch.tensor(first), torch.tensor(rest)), weight.movedim(-1, 0))
    mix = table.permute(0, 2, 1, 3).flatten(0, 1).flatten(1, 2)  # [lines * out, products * in]
    space = x.shape[4:]
    mixed = (mix @ x.flatten(2, 3).flatten(3)).unflatten(2, (matrices.shape[0], -1))  # [B, S, lines, out, points]
    lined = mixed.unflatten(-1, (space[0], -1)).permute(0, 1, 3, 2, 4, 5)  # [B, S, out, lines, first axis, rest]
    along = matrices.permute(1, 2, 0, 3).flatten(2, 3)  # [S, new, lines * old]
    y = along.unsqueeze(1) @ lined.flatten(3, 4)  # [B, S, out, new, rest]
    return y.unflatten(-1, space[1:]).transpose(1, 2)
