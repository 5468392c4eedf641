"""A network on several grids of different pitches, see ``gequnet.layers.pyramid``.

While ``torch.export`` records, the graph itself computes the sides of the grids, by real arithmetic from the image's,
and the interpolation matrices.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gequnet.export.symbolic_sizes import IntLike, SymbolicGrid, int_tensor, recording, symbolic_int
from gequnet.export.unet import PlainUNet
from gequnet.layers import pyramid


class Pyramid(nn.Module):
    """One network on every grid, and a projection of its maps.

    Args:
        chain: the network.
        projection: from the maps of all scales to one map.
        pitches: pitch of each grid, in pixels of the image.
        halvings: number of times that the network halves a grid.

    Shape:
        [B, C, *space] -> [B, K, *space].
    """

    def __init__(self, chain: PlainUNet, projection: nn.Module, pitches: Sequence[float], halvings: int) -> None:
        super().__init__()
        self.chain, self.projection = chain, projection
        self.pitches, self.halvings = list(pitches), halvings

    def forward(self, image: Tensor) -> Tensor:
        """[B, C, *space] -> logits [B, K, *space]."""
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
        grid = pyramid_grid(space, pitch, self.halvings)
        return symbolic_resample(
            self.chain.on_grid(symbolic_resample(image, grid.sides, pitch), grid.odd), space, 1 / pitch
        )


def pyramid_grid(sides: Sequence[IntLike], pitch: float, halvings: int) -> SymbolicGrid:
    """``pyramid.sides_at`` for symbolic sides."""
    unit = 2**halvings
    odd = [symbolic_int(int_tensor(side) % 2, 0, 1) if halvings else 0 for side in sides]
    units = []
    for side, p in zip(sides, odd, strict=True):
        number = int_tensor(side)
        coarse = ((number - p + unit - 1) // unit).clamp(min=1)
        exact = (number.double() / as_double(pitch) - p) / unit
        fewest = (torch.round(exact * 1e6) / 1e6).ceil().long().clamp(min=1)
        units.append(symbolic_int(fewest + (fewest - coarse).remainder(2), 1))
    return SymbolicGrid([k * unit + p for k, p in zip(units, odd, strict=True)], odd)


def symbolic_resample(x: Tensor, sides: Sequence[IntLike], pitch: float) -> Tensor:
    """``pyramid.resample`` to symbolic sides."""
    for axis, new in enumerate(sides, start=2):
        matrix = _interpolation(new, x.shape[axis], pitch).to(x)
        x = (x.movedim(axis, -1) @ matrix.T).movedim(-1, axis)
    return x


def _interpolation(new: IntLike, old: IntLike, pitch: float) -> Tensor:
    """``pyramid.interpolation``: the weights of the few pixels near each point, scattered into its row."""
    broad = max(1.0, pitch)
    width = as_double(broad)
    middle, last = (int_tensor(new) - 1).double() / 2, int_tensor(old) - 1
    points = (torch.arange(new).double() - middle) * as_double(pitch) + last.double() / 2
    pixels = torch.ceil(points - 2 * width).unsqueeze(1) + torch.arange(math.ceil(4 * broad) + 1)
    weights = pyramid.keys((points.unsqueeze(1) - pixels) / width)
    places = pixels.long().clamp(min=0).minimum(last)
    return torch.zeros(new, old, dtype=torch.float64).scatter_add(1, places, weights / weights.sum(1, keepdim=True))


def as_double(number: float) -> Tensor:
    """A number as a float64 tensor: in a file, numbers that are not tensors have single precision."""
    return torch.tensor(number, dtype=torch.float64)
