"""Padding of an image to the grid of a network, by repeating or mirroring its border."""

import torch
from torch import Tensor, nn

from gequnet.errors import ShapeError
from gequnet.export.symbolic_sizes import (
    IntLike,
    SymbolicGrid,
    center_crop_or_pad,
    halvable_grid,
    int_tensor,
    recording,
    symbolic_int,
)
from gequnet.layers import frame, resample
from gequnet.layers.steerable import odd_sides_message


class RepeatedFrame(nn.Module):
    """Padding by repeating the border until every side can be halved ``halvings`` times.

    Args:
        halvings: number of halvings.
        odd_only: true to refuse even sides, whose centre the network's kernels do not keep. An ONNX file cannot refuse
            them: it accepts even sides without an error.
    """

    def __init__(self, halvings: int, odd_only: bool = False) -> None:
        super().__init__()
        self.halvings, self.odd_only = halvings, odd_only

    def forward(self, image: Tensor) -> tuple[Tensor, SymbolicGrid]:
        """[B, C, *space] -> [B, C, *sides] and its grid."""
        space = image.shape[2:]
        if recording():
            grid = halvable_grid(space, self.halvings, self.odd_only)
            return center_crop_or_pad(image, grid.sides), grid
        if self.odd_only and any(side % 2 == 0 for side in space):
            raise ShapeError(odd_sides_message("this network", tuple(space)))
        return resample.pad_to_grid(image, self.halvings), halvable_grid(space, self.halvings)


class PlainMirroredFrame(nn.Module):
    """Padding by mirror images for valid convolutions, see ``gequnet.layers.frame``.

    Args:
        halvings: number of times that the sides are halved.
        block: pixels that the convolutions of a level take off a side.
        halving: coarse pixels that one halving takes off in addition.
        doubling: fine pixels that one doubling takes off.
    """

    def __init__(self, halvings: int, block: int, halving: int, doubling: int) -> None:
        super().__init__()
        self.halvings, self.block, self.halving, self.doubling = halvings, block, halving, doubling

    def forward(self, image: Tensor) -> tuple[Tensor, SymbolicGrid]:
        """[B, C, *space] -> [B, C, *sides] and its grid; all sides that are halved are even."""
        space, even = image.shape[2:], [0] * (image.dim() - 2)
        if not recording():
            framed = frame.MirroredFrame(self.halvings, self.block, self.halving, self.doubling)(image)
            return framed, SymbolicGrid(framed.shape[2:], even)
        sides = [self._side(side) for side in space]
        for axis, side in enumerate(sides, start=2):
            image = _mirror_pad(image, axis, side)
        return image, SymbolicGrid(sides, even)

    def _side(self, side: IntLike) -> IntLike:
        scale = 2**self.halvings
        lost = (scale - 1) * (self.doubling + self.block)
        start = symbolic_int((int_tensor(side) + lost + scale - 1) // scale, 1) + self.block
        for _ in range(self.halvings):
            start = 2 * (start + self.halving) + self.block
        return start


def _mirror_pad(x: Tensor, axis: int, side: IntLike) -> Tensor:
    """``mirror_pad`` of ``gequnet.layers.frame`` for one axis, up to ``side``."""
    old = int_tensor(x.shape[axis])
    positions = torch.arange(side) - (side - old) // 2
    turn = (old - 1).clamp(min=1)  # an image of one pixel is its own mirror image
    return x.index_select(axis, (turn - (positions.remainder(2 * turn) - turn).abs()).minimum(old - 1))
