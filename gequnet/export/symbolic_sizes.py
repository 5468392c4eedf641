"""Grids that can be halved, for images whose size is not known: the parity rule as arithmetic.

``gequnet.layers.resample`` decides by the parity of a side what to do with it. A graph that is recorded once cannot
decide. Here the parity p is a number, 0 on an even axis and 1 on an odd one, and enters kernels as one: one graph does
for every size. It rests on this, that what is done to an odd side is what is done to an even one, with kernels that are
blurred once more by half a pixel.

Sides are unit * k + p, and all the sides of a network are linear in k and p. While ``torch.export`` records, k and p
are symbols of their own, read from tensors: it could not reason about the remainders and ceilings they are made of.

Nothing here has shapes in its types. To compare the shape of a recorded map with another is to fix it.
"""

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from gequnet.layers import resample

if TYPE_CHECKING:
    Whole = int  # for whom a symbol is one
else:
    Whole = int | torch.SymInt
CONVOLUTION = {2: F.conv2d, 3: F.conv3d}
MAX_POOL = {2: F.max_pool2d, 3: F.max_pool3d}
LOWEST = -3e38


class Grid(NamedTuple):
    """A grid that can be halved: its sides, and of each 1 if it and its halves are odd, 0 if they are even."""

    sides: Sequence[Whole]
    odd: Sequence[Whole]


def recording() -> bool:
    """Whether ``torch.export`` is writing down what is done."""
    return torch.compiler.is_exporting()


def whole(number: Whole) -> Tensor:
    """A whole number as a tensor."""
    return torch.full((), number, dtype=torch.int64)


def symbol(value: Tensor, least: int, most: int | None = None) -> Whole:
    """The whole number in a tensor; of a recorded graph, a symbol that stands for it and has these bounds."""
    number: Whole = value.item()  # type: ignore[assignment]
    torch._check(number >= least)
    if most is not None:
        torch._check(number <= most)
    return number


def halvable(sides: Sequence[Whole], halvings: int, odd_only: bool = False) -> Grid:
    """The least grid of the image's parities that can be halved so often, see ``resample.padded_side``."""
    if halvings == 0:
        return Grid(sides, [0] * len(sides))
    if not recording():
        return Grid([resample.padded_side(int(s), halvings) for s in sides], [int(s) % 2 for s in sides])
    unit = 2**halvings
    odd = [symbol(whole(side) % 2, int(odd_only), 1) for side in sides]
    units = [symbol(((whole(side) - p + unit - 1) // unit).clamp(min=1), 1) for side, p in zip(sides, odd, strict=True)]
    return Grid([unit * k + p for k, p in zip(units, odd, strict=True)], odd)


def middle(x: Tensor, sides: Sequence[Whole]) -> Tensor:
    """``x`` cut to ``sides``, or its border repeated up to them, by the same amount at both ends of each axis."""
    for axis, side in enumerate(sides, start=2):
        old = whole(x.shape[axis])
        places = torch.arange(side) + (old - side) // 2
        x = x.index_select(axis, places.clamp(min=0).minimum(old - 1).to(x.device))
    return x


def blurred(x: Tensor, odd: Sequence[Whole], taps: int, padded: bool = True) -> Tensor:
    """``resample.blur_pool``: the even side's binomial, and where the side is odd the one with a tap more."""
    reach = taps // 2
    padding = [amount for p in reversed(odd) for amount in ((reach, reach - 1 + p) if padded else (1, 0))]
    even, more = F.pad(resample.binomial(taps), (1, 0)), resample.binomial(taps + 1)
    kernel = outer([even + (more - even) * p for p in odd]).to(x)
    channels, dims = x.shape[1], len(odd)
    kernels = kernel.expand(channels, 1, *kernel.shape)
    return CONVOLUTION[dims](F.pad(x, padding, mode="replicate"), kernels, stride=2, groups=channels)


def maximal(x: Tensor, odd: Sequence[Whole]) -> Tensor:
    """``resample.max_pool``: over windows of 2, of pixels that are, where the side is odd, the larger of neighbours."""
    padding = [amount for p in reversed(odd) for amount in (1, p)]
    x = F.pad(x, padding, value=LOWEST)
    for axis, p in enumerate(odd, start=2):
        pairs = x.shape[axis] - 1
        x = torch.maximum(x.narrow(axis, 1, pairs), x.narrow(axis, 0, pairs) + (1 - p) * LOWEST)
    return MAX_POOL[len(odd)](x, 2, 2)


def doubled(x: Tensor, odd: Sequence[Whole]) -> Tensor:
    """``resample.double`` to the double of each side, or the double less 1 where the result is odd.

    Along an axis every pixel becomes two, each a mean of three neighbours: with weights (1, 3, 0) / 4 and (0, 3, 1) / 4
    about half-pixel centres, with (0, 1, 0) and (0, 1, 1) / 2 on aligned corners.
    """
    centres = torch.tensor([[0.25, 0.75, 0.0], [0.0, 0.75, 0.25]])
    corners = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.5, 0.5]])
    lines = [centres + (corners - centres) * p for p in odd]
    dims, channels = len(odd), x.shape[1]
    # All pixels that one becomes: the first axis' index runs slowest, in the index of the pixel as in the kernel.
    kernel = torch.stack([outer(chosen) for chosen in product(*[line.unbind(0) for line in lines])]).unsqueeze(1).to(x)
    kernels = kernel.repeat(channels, *[1] * (dims + 1))
    padded = F.pad(x, [1] * 2 * dims, mode="replicate")
    made = interleaved(CONVOLUTION[dims](padded, kernels, groups=channels), dims)
    for axis, p in enumerate(odd, start=2):
        made = made.narrow(axis, 0, 2 * x.shape[axis] - p)
    return made


def interleaved(x: Tensor, dims: int) -> Tensor:
    """[B, C * 2^dims, *half] -> [B, C, *space]: what lies in channels is laid beside each other."""
    x = x.unflatten(1, (-1, *[2] * dims))
    order = [index for axis in range(dims) for index in (2 + dims + axis, 2 + axis)]
    x = x.permute(0, 1, *order)
    for axis in range(dims):
        x = x.flatten(2 + axis, 3 + axis)
    return x


def outer(lines: Sequence[Tensor]) -> Tensor:
    """The kernel whose value at a place is the product of the lines' values along each axis."""
    kernel = lines[0]
    for line in lines[1:]:
        kernel = kernel.unsqueeze(-1) * line
    return kernel


def ceiling_of(side: Whole, factor: float, unit: int, odd: Whole) -> Tensor:
    """ceil((side * factor - odd) / unit), rounding errors of a millionth forgiven."""
    exact = (whole(side).double() * factor - odd) / unit
    return torch.ceil(torch.round(exact * 1e6) / 1e6).long()
