"""The grid that a network puts an image on: larger than the image, with a border that repeats or mirrors it."""

import torch
from torch import Tensor, nn

from gequnet.errors import ShapeError
from gequnet.export.symbolic_sizes import Grid, Whole, halvable, middle, recording, symbol, whole
from gequnet.layers import frame, resample
from gequnet.layers.steerable import odd_sides_message


class RepeatedFrame(nn.Module):
    """Repeats the border until every side can be halved so often.

    Args:
        halvings: how often.
        odd_only: whether even sides are refused, as the network's kernels do not respect their centre. A file that
            comes of it cannot refuse them all: in ONNX nothing is said.
    """

    def __init__(self, halvings: int, odd_only: bool = False) -> None:
        super().__init__()
        self.halvings, self.odd_only = halvings, odd_only

    def forward(self, image: Tensor) -> tuple[Tensor, Grid]:
        """[B, C, *space] -> [B, C, *sides] and its grid."""
        space = image.shape[2:]
        if recording():
            grid = halvable(space, self.halvings, self.odd_only)
            return middle(image, grid.sides), grid
        if self.odd_only and any(side % 2 == 0 for side in space):
            raise ShapeError(odd_sides_message("this network", tuple(space)))
        return resample.pad_to_grid(image, self.halvings), halvable(space, self.halvings)


class MirroredFrame(nn.Module):
    """Mirrors the image outward by what valid convolutions take, see ``gequnet.layers.frame``.

    Args:
        halvings: how often the sides are halved.
        block: pixels that the convolutions of a level take from a side.
        halving: coarse pixels that halving takes, beyond half of them.
        doubling: fine pixels that doubling takes.
    """

    def __init__(self, halvings: int, block: int, halving: int, doubling: int) -> None:
        super().__init__()
        self.halvings, self.block, self.halving, self.doubling = halvings, block, halving, doubling

    def forward(self, image: Tensor) -> tuple[Tensor, Grid]:
        """[B, C, *space] -> [B, C, *sides] and its grid, whose every side that is halved is even."""
        space, even = image.shape[2:], [0] * (image.dim() - 2)
        if not recording():
            framed = frame.MirroredFrame(self.halvings, self.block, self.halving, self.doubling)(image)
            return framed, Grid(framed.shape[2:], even)
        sides = [self._side(side) for side in space]
        for axis, side in enumerate(sides, start=2):
            image = _mirrored(image, axis, side)
        return image, Grid(sides, even)

    def _side(self, side: Whole) -> Whole:
        scale = 2**self.halvings
        lost = (scale - 1) * (self.doubling + self.block)
        start = symbol((whole(side) + lost + scale - 1) // scale, 1) + self.block
        for _ in range(self.halvings):
            start = 2 * (start + self.halving) + self.block
        return start


def _mirrored(x: Tensor, axis: int, side: Whole) -> Tensor:
    """What ``mirrored`` of ``gequnet.layers.frame`` does to one axis, up to ``side``."""
    old = whole(x.shape[axis])
    places = torch.arange(side) - (side - old) // 2
    turn = (old - 1).clamp(min=1)  # an image of one pixel is its own mirror image
    return x.index_select(axis, (turn - (places.remainder(2 * turn) - turn).abs()).minimum(old - 1))
