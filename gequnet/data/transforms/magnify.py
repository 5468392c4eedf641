"""Magnification of images and labels about their centres, by one factor along every axis."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Integer
from scipy import ndimage
from torch import Tensor

from gequnet.symmetry.actions import magnify


def magnified_sides(space: Sequence[int], factor: float) -> list[int]:
    """The size of the magnified image in pixels.

    >>> magnified_sides([40, 33], 1.25)
    [50, 41]
    """
    return [max(1, round(side * factor)) for side in space]


def magnified_image(
    image: Float[Tensor, "channels *space"], factor: float, sides: Sequence[int]
) -> Float[Tensor, "channels *sides"]:
    """The image magnified by cubic splines; it is smoothed before if it gets smaller.

    The smoothing is a Gaussian of (1 / factor - 1) / 2 pixels, the usual compromise between blur and aliasing. At the
    border the outermost pixels are continued. Values are clipped to the range of their channel, since splines
    overshoot at edges.
    """
    low, high = (each.view(-1, *[1] * len(sides)) for each in image.flatten(1).aminmax(dim=1))
    if factor < 1:
        deviation = (1 / factor - 1) / 2
        smooth = [ndimage.gaussian_filter(channel.numpy(), deviation, mode="nearest") for channel in image]
        image = torch.from_numpy(np.stack(smooth))
    return magnify(image[None], factor, sides, padding_mode="border")[0].clamp(low, high)


def magnified_labels(
    labels: Integer[Tensor, "*shape"], factor: float, sides: Sequence[int]
) -> Integer[Tensor, "*magnified"]:
    """The labels magnified: each pixel gets the label with the largest share of it.

    Shares are the linearly interpolated 0-1 masks of the labels. Boundaries move less than with the nearest label, and
    there are no values between labels. Overlapping regions, on a first axis, are magnified one by one. Of two labels
    with the same share the lower one wins.
    """
    if labels.dim() > len(sides):
        return torch.stack([magnified_labels(region, factor, sides) for region in labels])
    winner = torch.zeros(list(sides), dtype=labels.dtype)
    most = torch.full(list(sides), -1.0)
    for label in labels.unique():
        share = magnify((labels == label)[None, None].float(), factor, sides, order=1, padding_mode="border")[0, 0]
        winner, most = torch.where(share > most, label, winner), torch.maximum(share, most)
    return winner


def magnified_regions(
    regions: Bool[Tensor, "k *space"], factor: float, sides: Sequence[int]
) -> Bool[Tensor, "k *sides"]:
    """The regions magnified: pixels whose linearly interpolated share of a region is above one half."""
    return magnify(regions[None].float(), factor, sides, order=1, padding_mode="border")[0] > 0.5
