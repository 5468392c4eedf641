"""A network that looks at an image on grids of several pitches, see ``gequnet.layers.pyramid``.

While ``torch.export`` records, the sides of the grids, which follow from the image's by real numbers, and the matrices
that interpolate are made in the graph.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gequnet.export.symbolic_sizes import Grid, Whole, recording, symbol, whole
from gequnet.export.unet import UNet
from gequnet.layers import pyramid


class Pyramid(nn.Module):
    """One network on every grid, and what is made of its maps.

    Args:
        chain: the network.
        projection: one map of those of all scales.
        pitches: pixels of the image that are one pixel of each grid.
        halvings: how often the network halves a grid.

    Shape:
        [B, C, *space] -> [B, K, *space].
    """

    def __init__(self, chain: UNet, projection: nn.Module, pitches: Sequence[float], halvings: int) -> None:
        super().__init__()
        self.chain, self.projection = chain, projection
        self.pitches, self.halvings = list(pitches), halvings

    def forward(self, image: Tensor) -> Tensor:
        """Image to logits."""
        logits: Tensor = self.projection(torch.cat([self._at_pitch(image, pitch) for pitch in self.pitches], 1))
        return logits

    def _at_pitch(self, image: Tensor, pitch: float) -> Tensor:
        if pitch == 1:
            whole_image: Tensor = self.chain(image)
            return whole_image
        space = image.shape[2:]
        if not recording():
            smaller = pyramid.resample(image, pyramid.sides_at(space, pitch, self.halvings), pitch)
            odd = [side % 2 if self.halvings else 0 for side in space]
            return pyramid.resample(self.chain.on_grid(smaller, odd), space, 1 / pitch)
        grid = grid_at(space, pitch, self.halvings)
        return resampled(self.chain.on_grid(resampled(image, grid.sides, pitch), grid.odd), space, 1 / pitch)


def grid_at(sides: Sequence[Whole], pitch: float, halvings: int) -> Grid:
    """``pyramid.sides_at`` of sides that are symbols."""
    unit = 2**halvings
    odd = [symbol(whole(side) % 2, 0, 1) if halvings else 0 for side in sides]
    units = []
    for side, p in zip(sides, odd, strict=True):
        number = whole(side)
        coarse = ((number - p + unit - 1) // unit).clamp(min=1)
        exact = (number.double() / exactly(pitch) - p) / unit
        fewest = (torch.round(exact * 1e6) / 1e6).ceil().long().clamp(min=1)
        units.append(symbol(fewest + (fewest - coarse).remainder(2), 1))
    return Grid([k * unit + p for k, p in zip(units, odd, strict=True)], odd)


def resampled(x: Tensor, sides: Sequence[Whole], pitch: float) -> Tensor:
    """``pyramid.resample`` to sides that are symbols."""
    for axis, new in enumerate(sides, start=2):
        matrix = _interpolation(new, x.shape[axis], pitch).to(x)
        x = (x.movedim(axis, -1) @ matrix.T).movedim(-1, axis)
    return x


def _interpolation(new: Whole, old: Whole, pitch: float) -> Tensor:
    """``pyramid.interpolation``: of each point the few pixels within reach, put where they belong in its row."""
    broad = max(1.0, pitch)
    width = exactly(broad)
    middle, last = (whole(new) - 1).double() / 2, whole(old) - 1
    points = (torch.arange(new).double() - middle) * exactly(pitch) + last.double() / 2
    pixels = torch.ceil(points - 2 * width).unsqueeze(1) + torch.arange(math.ceil(4 * broad) + 1)
    weights = pyramid.keys((points.unsqueeze(1) - pixels) / width)
    places = pixels.long().clamp(min=0).minimum(last)
    return torch.zeros(new, old, dtype=torch.float64).scatter_add(1, places, weights / weights.sum(1, keepdim=True))


def exactly(number: float) -> Tensor:
    """A number in double precision: in a file, numbers that are not tensors have single precision."""
    return torch.tensor(number, dtype=torch.float64)
