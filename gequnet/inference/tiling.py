"""Windows that cover an image, and their weights; both are symmetric under mirrors."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from types import EllipsisType

import torch
from jaxtyping import Float
from torch import Tensor

SIGMA = 1 / 8
"""Standard deviation of a window's Gaussian, in sides of the window."""

Corner = tuple[int, ...]
Part = tuple[EllipsisType | slice, ...]


def window_starts(side: int, window: int, overlap: float) -> list[int]:
    """First pixel of each window along an axis; a function of the three arguments alone.

    The windows are symmetric: counted from the other end of the axis they are the same, in whole pixels. So a network
    that commutes with a mirror still does so through the windows. An odd number of windows needs one exactly in the
    middle; if no pixel allows that, one more window is taken. The first and the last window end with the axis. The
    steps between windows differ by a pixel or two, and none is longer than ``overlap`` allows.

    Args:
        side: length of the axis in pixels.
        window: length of a window, at most ``side``.
        overlap: share of a window that it has in common with the next; 0 or more, below 1.

    Example:
        >>> window_starts(30, 12, 0.5), window_starts(17, 12, 0.5), window_starts(31, 12, 0.5)
        ([0, 6, 12, 18], [0, 5], [0, 4, 8, 11, 15, 19])
    """
    room = side - window
    # With an overlap of .8 of 10 pixels the step is 2; without 1e-9 it would be 1, from 1.9999... rounded down.
    step = max(1, math.floor(window * (1 - overlap) + 1e-9))
    count = math.ceil(room / step) + 1
    count += room % 2 and count % 2
    steps = max(count - 1, 1)
    lower = [-(-index * room // steps) for index in range(count // 2)]  # rounded towards the middle
    middle = [room // 2] if count % 2 else []
    return lower + middle + [room - first for first in reversed(lower)]


def window_weights(side: int, window: int, overlap: float) -> Float[Tensor, "windows window"]:
    """Weight of each window of an axis at each of its pixels; at every pixel of the axis the weights add up to 1.

    The weight is a Gaussian around the middle of the window, with a standard deviation of an eighth of the side: near
    the border of a window a network has little context.

    Example:
        >>> window_weights(3, 2, 0.5)
        tensor([[1.0000, 0.5000],
                [0.5000, 1.0000]])
    """
    starts = window_starts(side, window, overlap)
    distance = torch.arange(window, dtype=torch.float64) - (window - 1) / 2
    weight = torch.exp(-0.5 * (distance / (SIGMA * window)).square())
    total = torch.zeros(side, dtype=torch.float64)
    for start in starts:
        total[start : start + window] += weight
    total = (total + total.flip(0)) / 2  # sums from the two ends may differ in the last bit
    return torch.stack([weight / total[start : start + window] for start in starts]).float()


@dataclass(frozen=True)
class Tiling:
    """Windows of an image, with starts from ``window_starts`` and weights from ``window_weights`` along each axis.

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
        """Tiling with windows of this size; along an axis where the image is smaller, of the size of the image."""
        return cls(tuple(space), tuple(min(pair) for pair in zip(window, space, strict=True)), overlap)

    @cached_property
    def axes(self) -> list[list[int]]:
        """First pixels of the windows along each axis."""
        return [window_starts(*numbers, self.overlap) for numbers in zip(self.space, self.window, strict=True)]

    @cached_property
    def _weights(self) -> list[Tensor]:
        return [window_weights(*numbers, self.overlap) for numbers in zip(self.space, self.window, strict=True)]

    def __len__(self) -> int:
        return math.prod(map(len, self.axes))

    def __iter__(self) -> Iterator[Corner]:
        """First pixel of each window; windows of one band of rows follow each other."""
        return product(*self.axes)

    def part(self, corner: Corner) -> Part:
        """Slices of the window at ``corner``, for an image with any leading axes."""
        return (..., *(slice(first, first + side) for first, side in zip(corner, self.window, strict=True)))

    def weight(self, corner: Corner) -> Float[Tensor, "*window"]:
        """Weight of the window at ``corner`` at each of its pixels; the weights of all windows add up to 1."""
        weight = torch.ones(())
        for starts, rows, first in zip(self.axes, self._weights, corner, strict=True):
            weight = weight.unsqueeze(-1) * rows[starts.index(first)]
        return weight
