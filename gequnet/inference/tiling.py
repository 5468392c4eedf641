"""Windows that cover an image, and how much each of them counts: both are their own mirror images."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from types import EllipsisType

import torch
from jaxtyping import Float
from torch import Tensor

SPREAD = 1 / 8
"""Standard deviation of a window's Gaussian, in sides of the window."""

Corner = tuple[int, ...]
Part = tuple[EllipsisType | slice, ...]


def places(side: int, window: int, overlap: float) -> list[int]:
    """The first pixel of each window along an axis; they depend on these three numbers alone.

    Seen from the axis's other end they are the same, in whole pixels, so a network that commutes with a mirror does so
    through the windows, too. An odd number of windows needs one in the very middle: where there is no such pixel, one
    more is taken. The first and the last end with the axis, the steps between differ by a pixel or two, and none is
    longer than ``overlap`` allows.

    Args:
        side: length of the axis in pixels.
        window: length of a window, at most ``side``.
        overlap: share of a window that it has in common with the next; 0 or more, below 1.

    Example:
        >>> places(30, 12, 0.5), places(17, 12, 0.5), places(31, 12, 0.5)
        ([0, 6, 12, 18], [0, 5], [0, 4, 8, 11, 15, 19])
    """
    room = side - window
    # An overlap of .8 of 10 pixels leaves 2, not the 1 that rounding .9999... down would.
    step = max(1, math.floor(window * (1 - overlap) + 1e-9))
    count = math.ceil(room / step) + 1
    count += room % 2 and count % 2
    steps = max(count - 1, 1)
    lower = [-(-index * room // steps) for index in range(count // 2)]  # rounded towards the middle
    middle = [room // 2] if count % 2 else []
    return lower + middle + [room - first for first in reversed(lower)]


def shares(side: int, window: int, overlap: float) -> Float[Tensor, "windows window"]:
    """How much each window of an axis counts at each of its pixels; at every pixel of the axis they add up to 1.

    A window weighs by a Gaussian around its middle, of an eighth of its side: near a border a network knows little of
    what is around.

    Example:
        >>> shares(3, 2, 0.5)
        tensor([[1.0000, 0.5000],
                [0.5000, 1.0000]])
    """
    starts = places(side, window, overlap)
    distance = torch.arange(window, dtype=torch.float64) - (window - 1) / 2
    weight = torch.exp(-0.5 * (distance / (SPREAD * window)).square())
    total = torch.zeros(side, dtype=torch.float64)
    for start in starts:
        total[start : start + window] += weight
    total = (total + total.flip(0)) / 2  # sums from either end may differ in the last bit
    return torch.stack([weight / total[start : start + window] for start in starts]).float()


@dataclass(frozen=True)
class Tiling:
    """The windows of an image: along each axis where ``places`` says, counting as ``shares`` says.

    Args:
        space: size of the image.
        window: size of a window; no side is longer than the image's.
        overlap: share of a window's side that it has in common with the next.
    """

    space: tuple[int, ...]
    window: tuple[int, ...]
    overlap: float

    @classmethod
    def over(cls, space: Sequence[int], window: Sequence[int], overlap: float) -> "Tiling":
        """The tiling with windows of this size, or of the image's where that is smaller."""
        return cls(tuple(space), tuple(min(pair) for pair in zip(window, space, strict=True)), overlap)

    @cached_property
    def axes(self) -> list[list[int]]:
        """The first pixels of the windows, axis by axis."""
        return [places(*numbers, self.overlap) for numbers in zip(self.space, self.window, strict=True)]

    @cached_property
    def _shares(self) -> list[Tensor]:
        return [shares(*numbers, self.overlap) for numbers in zip(self.space, self.window, strict=True)]

    def __len__(self) -> int:
        return math.prod(map(len, self.axes))

    def __iter__(self) -> Iterator[Corner]:
        """The first pixel of each window, those of one band of rows next to each other."""
        return product(*self.axes)

    def part(self, corner: Corner) -> Part:
        """Where the window at ``corner`` lies in the image, whatever axes are in front."""
        return (..., *(slice(first, first + side) for first, side in zip(corner, self.window, strict=True)))

    def weight(self, corner: Corner) -> Float[Tensor, "*window"]:
        """How much the window at ``corner`` counts at each of its pixels; of all windows together it is 1."""
        weight = torch.ones(())
        for starts, rows, first in zip(self.axes, self._shares, corner, strict=True):
            weight = weight.unsqueeze(-1) * rows[starts.index(first)]
        return weight
