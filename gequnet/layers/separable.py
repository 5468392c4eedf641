"""Convolution with kernels that are sums of products of lines: along one axis after the other.

Along an axis a line is a banded matrix, and so are stride, border and transposition: each is whatever PyTorch's own
one-dimensional convolution makes of the unit vectors. Then it is products of dense matrices, most of whose entries are
zeros; they run so much faster than convolutions of single channels that they win all the same.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

# What PyTorch's function for padding calls the modes of its convolutions.
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
    """What each line makes of an axis of ``length`` pixels, as matrices."""
    units = torch.eye(length, dtype=lines.dtype, device=lines.device).unsqueeze(1)
    taps = lines.flatten(0, 1).unsqueeze(1)
    if transposed:
        made = F.conv_transpose1d(units, taps.transpose(0, 1), None, stride, padding, output_padding)
    elif padding and mode != "zeros":
        made = F.conv1d(F.pad(units, [padding, padding], mode=PAD_MODE[mode]), taps, None, stride)
    else:
        made = F.conv1d(units, taps, None, stride, padding)
    return made.permute(1, 2, 0).unflatten(0, lines.shape[:2])


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
    """The convolution of each scale with its own kernels, the sums of weight times product of lines.

    The axes are gone through from the last to the second. Then the channels are mixed, and the first axis, which is
    gone through last, costs as many products as it has lines and not as many as there are functions.

    Args:
        x: a map.
        weight: coefficients of the functions.
        lines: the distinct lines at each scale.
        factors: which line each function has along each axis.
        stride: in pixels.
        padding: pixels added at each border.
        mode: what is beyond the border.
        transposed: the transposed convolution.
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
        wanted = sorted({row[axis:] for row in factors})
        parents = [products.index(product[1:]) for product in wanted]
        along = matrices[axis][[product[0] for product in wanted]].transpose(0, 1)  # [S, products, new, old]
        partial = _apply(partial[:, :, parents], along, axis)
        products = wanted
    return _mixed(partial, products, weight, matrices[0], factors)


def _apply(
    x: Float[Tensor, "b s p c *space"], matrices: Float[Tensor, "s p new old"], axis: int
) -> Float[Tensor, "b s p c *moved"]:
    """The matrices along one axis of space."""
    moved = x.movedim(4 + axis, -1)
    flat = moved.flatten(3, -2)
    return (flat @ matrices.transpose(-1, -2)).unflatten(3, moved.shape[3:-1]).movedim(-1, 4 + axis)


def _mixed(
    x: Float[Tensor, "b s p c *space"],
    products: list[tuple[int, ...]],
    weight: Float[Tensor, "out in functions"],
    matrices: Float[Tensor, "lines s new old"],
    factors: Sequence[tuple[int, ...]],
) -> Float[Tensor, "b out s *new"]:
    """The channels mixed for each line of the first axis, then that axis, summed over the lines."""
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
