"""Halving and doubling of grids with symbolic sizes: the parity rule as arithmetic.

``gequnet.layers.resample`` selects operators by the parity of a side. A graph that is recorded once cannot branch. Here
the parity p is a number, 0 on an even axis and 1 on an odd one, that enters the kernels. So one graph works for every
size. This is possible because the operator on an odd side is the operator on an even side with kernels that are blurred
once more by half a pixel.

Sides are unit * k + p, and all sides of a network are linear in k and p. While ``torch.export`` records, k and p are
separate symbols, read from tensors: it could not reason about the remainders and ceilings that define them.

The types here have no shapes, because comparing the shape of a recorded map with another one makes it static.
"""

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from gequnet.layers import resample

if TYPE_CHECKING:
    IntLike = int  # type checkers treat a symbol as an int
else:
    IntLike = int | torch.SymInt
CONVOLUTION = {2: F.conv2d, 3: F.conv3d}
MAX_POOL = {2: F.max_pool2d, 3: F.max_pool3d}
LOWEST = -3e38


class SymbolicGrid(NamedTuple):
    """Sides of a grid that can be halved, and their parities: 1 if a side and its halves are odd, 0 if even."""

    sides: Sequence[IntLike]
    odd: Sequence[IntLike]


def recording() -> bool:
    """True while ``torch.export`` records."""
    return torch.compiler.is_exporting()


def int_tensor(number: IntLike) -> Tensor:
    """An integer as an int64 tensor."""
    return torch.full((), number, dtype=torch.int64)


def symbolic_int(value: Tensor, least: int, most: int | None = None) -> IntLike:
    """The integer in a tensor; while recording, a symbol with these bounds."""
    number: IntLike = value.item()  # type: ignore[assignment]
    torch._check(number >= least)
    if most is not None:
        torch._check(number <= most)
    return number


def halvable_grid(sides: Sequence[IntLike], halvings: int, odd_only: bool = False) -> SymbolicGrid:
    """The smallest grid of the image's parities with ``halvings`` halvings, see ``resample.padded_side``."""
    if halvings == 0:
        return SymbolicGrid(sides, [0] * len(sides))
    if not recording():
        return SymbolicGrid([resample.padded_side(int(s), halvings) for s in sides], [int(s) % 2 for s in sides])
    unit = 2**halvings
    odd = [symbolic_int(int_tensor(side) % 2, int(odd_only), 1) for side in sides]
    units = [
        symbolic_int(((int_tensor(side) - p + unit - 1) // unit).clamp(min=1), 1)
        for side, p in zip(sides, odd, strict=True)
    ]
    return SymbolicGrid([unit * k + p for k, p in zip(units, odd, strict=True)], odd)


def center_crop_or_pad(x: Tensor, sides: Sequence[IntLike]) -> Tensor:
    """Crop ``x`` to ``sides``, or pad it by repeating its border, by the same amount at both ends of each axis."""
    for axis, side in enumerate(sides, start=2):
        old = int_tensor(x.shape[axis])
        positions = torch.arange(side) + (old - side) // 2
        x = x.index_select(axis, positions.clamp(min=0).minimum(old - 1).to(x.device))
    return x


def symbolic_blur_pool(x: Tensor, odd: Sequence[IntLike], taps: int, padded: bool = True) -> Tensor:
    """``resample.blur_pool`` for symbolic parities: the kernel has one tap more on an odd side."""
    reach = taps // 2
    padding = [amount for p in reversed(odd) for amount in ((reach, reach - 1 + p) if padded else (1, 0))]
    on_even, on_odd = F.pad(resample.binomial(taps), (1, 0)), resample.binomial(taps + 1)
    kernel = outer_product([on_even + (on_odd - on_even) * p for p in odd]).to(x)
    channels, dims = x.shape[1], len(odd)
    kernels = kernel.expand(channels, 1, *kernel.shape)
    return CONVOLUTION[dims](F.pad(x, padding, mode="replicate"), kernels, stride=2, groups=channels)


def symbolic_max_pool(x: Tensor, odd: Sequence[IntLike]) -> Tensor:
    """``resample.max_pool`` for symbolic parities: windows of 2; odd sides first take the maximum of neighbours."""
    padding = [amount for p in reversed(odd) for amount in (1, p)]
    x = F.pad(x, padding, value=LOWEST)
    for axis, p in enumerate(odd, start=2):
        pairs = x.shape[axis] - 1
        x = torch.maximum(x.narrow(axis, 1, pairs), x.narrow(axis, 0, pairs) + (1 - p) * LOWEST)
    return MAX_POOL[len(odd)](x, 2, 2)


def symbolic_double(x: Tensor, odd: Sequence[IntLike]) -> Tensor:
    """``resample.double`` to twice each side, minus 1 for an odd output side.

    Along an axis every pixel becomes two, each a weighted mean of three neighbours: with weights (1, 3, 0) / 4 and
    (0, 3, 1) / 4 for half-pixel centres, with (0, 1, 0) and (0, 1, 1) / 2 for aligned corners.
    """
    centres = torch.tensor([[0.25, 0.75, 0.0], [0.0, 0.75, 0.25]])
    corners = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.5, 0.5]])
    lines = [centres + (corners - centres) * p for p in odd]
    dims, channels = len(odd), x.shape[1]
    # One kernel for each of the 2^dims output pixels of an input pixel; the index of the first axis runs slowest.
    kernel = (
        torch.stack([outer_product(chosen) for chosen in product(*[line.unbind(0) for line in lines])])
        .unsqueeze(1)
        .to(x)
    )
    kernels = kernel.repeat(channels, *[1] * (dims + 1))
    padded = F.pad(x, [1] * 2 * dims, mode="replicate")
    fine = pixel_shuffle(CONVOLUTION[dims](padded, kernels, groups=channels), dims)
    for axis, p in enumerate(odd, start=2):
        fine = fine.narrow(axis, 0, 2 * x.shape[axis] - p)
    return fine


def pixel_shuffle(x: Tensor, dims: int) -> Tensor:
    """[B, C * 2^dims, *half] -> [B, C, *space]: channels become pixels (as ``nn.PixelShuffle``, in any dimension)."""
    x = x.unflatten(1, (-1, *[2] * dims))
    order = [index for axis in range(dims) for index in (2 + dims + axis, 2 + axis)]
    x = x.permute(0, 1, *order)
    for axis in range(dims):
        x = x.flatten(2 + axis, 3 + axis)
    return x


def outer_product(lines: Sequence[Tensor]) -> Tensor:
    """Outer product of one-dimensional kernels."""
    kernel = lines[0]
    for line in lines[1:]:
        kernel = kernel.unsqueeze(-1) * line
    return kernel
