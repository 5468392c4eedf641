"""Resampling of an image to coarser or finer grids about the same centre, and back.

The pitch of a grid is the distance of its pixels, in pixels of the image. A network on the image at pitch p is the
network on the image made smaller by the factor p. This equals kernels that are p times as wide, at a cost that falls
with the number of pixels.

Interpolation is cubic (Keys). On the way to a coarser grid its kernel is stretched, which removes the details that the
grid cannot hold and keeps the rest. Beyond the border the image repeats its last pixel.

References:
    Keys, Cubic convolution interpolation for digital image processing, IEEE TASSP 29(6), 1981.
"""

import math
from collections.abc import Sequence
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from gequnet.layers.resample import padded_side


def keys(distance: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Keys' cubic kernel at a distance in pixels: 1 at 0, 0 at every other integer and from 2 on."""
    t = distance.abs()
    near = (1.5 * t - 2.5) * t**2 + 1
    far = ((2.5 - 0.5 * t) * t - 4) * t + 2
    return torch.where(t <= 1, near, torch.where(t < 2, far, torch.zeros_like(t)))


@cache
@torch.inference_mode(False)  # or what a prediction has cached could not be used in a training
def interpolation(new: int, old: int, pitch: float) -> Float[Tensor, "{new} {old}"]:
    """Interpolation matrix from ``old`` pixels to ``new`` points, ``pitch`` pixels apart, about the same centre.

    >>> interpolation(2, 4, 2.0).sum(1)
    tensor([1., 1.])
    """
    width = max(1.0, pitch)
    points = (torch.arange(new, dtype=torch.float64) - (new - 1) / 2) * pitch + (old - 1) / 2
    beyond = max(0, math.ceil(((new - 1) * pitch - (old - 1)) / 2))
    margin = beyond + math.ceil(2 * width)
    pixels = torch.arange(-margin, old + margin)
    weights = keys((points[:, None] - pixels) / width)
    matrix = torch.zeros(new, old, dtype=torch.float64)
    matrix.index_add_(1, pixels.clamp(0, old - 1), weights / weights.sum(1, keepdim=True))
    return matrix.float()


def resample(x: Float[Tensor, "*batch"], sides: Sequence[int], pitch: float) -> Float[Tensor, "*resampled"]:
    """Resample the last axes to a grid of ``sides`` points, ``pitch`` pixels apart, about the same centre.

    >>> resample(torch.ones(1, 1, 6, 8), sides=[4, 4], pitch=2.0).shape
    torch.Size([1, 1, 4, 4])
    """
    for axis, new in enumerate(sides, start=x.dim() - len(sides)):
        matrix = interpolation(new, x.shape[axis], pitch).to(x)
        x = (x.movedim(axis, -1) @ matrix.T).movedim(-1, axis)
    return x


def sides_at(sides: Sequence[int], pitch: float, halvings: int) -> list[int]:
    """Sides of a grid of this pitch that covers the image and can be halved like the image itself.

    The output of a network that halves the grid depends on the positions of the coarsest pixels. So the coarsest grid
    has a pixel at the centre at every pitch, or at none: the sides have the parity of the image's sides, also after
    all halvings.

    >>> sides_at([61, 64], pitch=2.0, halvings=2), sides_at([64, 64], pitch=2.0**1.5, halvings=2)
    ([37, 32], [24, 24])
    """
    return [_side_at(side, pitch, halvings) for side in sides]


def _side_at(side: int, pitch: float, halvings: int) -> int:
    unit, odd = 2**halvings, side % 2 if halvings else 0
    coarse = (padded_side(side, halvings) - odd) // unit
    fewest = max(1, math.ceil(round((side / pitch - odd) / unit, 6)))
    return (fewest + (fewest - coarse) % 2) * unit + odd
