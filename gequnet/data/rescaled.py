"""A dataset whose every object is larger, or smaller, by one factor: scenes resampled about their centres."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Integer
from scipy import ndimage
from torch import Tensor

from gequnet.data.scene import Scene, pixels
from gequnet.data.source import Source, Split
from gequnet.errors import ConfigError


class Rescaled(Source):
    """The same images of another dataset, magnified.

    Args:
        source: The dataset.
        factor: How many times as large everything is.

    Raises:
        ConfigError: If the factor is not above 0.
    """

    def __init__(self, source: Source, factor: float) -> None:
        if not 0 < factor < float("inf"):
            raise ConfigError(f"A magnification of {factor} makes no image: give a number above 0.")
        self.source, self.factor, self.name = source, factor, source.name

    def ids(self, split: Split) -> list[str]:
        """Those of the dataset."""
        return self.source.ids(split)

    def load(self, sample_id: str) -> Scene:
        """The image, magnified about its centre."""
        return magnified_scene(self.source.load(sample_id), self.factor)

    def check(self) -> None:
        """Nothing is needed but the dataset itself."""
        self.source.check()

    def labels_differ(self) -> list[str]:
        """What the dataset says."""
        return self.source.labels_differ()

    def facts(self, sample_id: str) -> dict[str, str | float]:
        """What the dataset knows."""
        return self.source.facts(sample_id)


def magnified_scene(scene: Scene, factor: float) -> Scene:
    """The scene ``factor`` times as large: sides, rounded, and everything in it; a pixel stays what it is in mm.

    Labels stay labels, see ``magnified_labels``, and objects keep their numbers. Where patches may start is forgotten,
    and so is the file that the scene came from, to which its pixels no longer belong.
    """
    if factor == 1:
        return scene
    sides = magnified_sides(scene.space, factor)
    second, instances = scene.second, scene.instances
    return replace(
        scene,
        image=magnified_image(pixels(scene.image), factor, sides),
        mask=magnified_labels(scene.mask, factor, sides),
        valid=magnified_regions(scene.valid[None], factor, sides)[0],
        second=None if second is None else magnified_labels(second, factor, sides),
        instances=None if instances is None else _sampled(instances[None], factor, sides, order=0)[0],
        corners=None,
        geometry=None,
    )


def magnified_sides(space: Sequence[int], factor: float) -> list[int]:
    """The size of the magnified image.

    >>> magnified_sides([40, 33], 1.25)
    [50, 41]
    """
    return [max(1, round(side * factor)) for side in space]


def magnified_image(
    image: Float[Tensor, "channels *space"], factor: float, sides: Sequence[int]
) -> Float[Tensor, "channels *sides"]:
    """Intensities between the pixels by cubic splines; those of a smaller image are smoothed first.

    The smoothing is a Gaussian of (1 / factor - 1) / 2 pixels, the customary compromise between blur and aliasing. At
    the border the outermost pixels are continued, and no value leaves the range of its channel, as splines would at an
    edge.
    """
    low, high = (each.view(-1, *[1] * len(sides)) for each in image.flatten(1).aminmax(dim=1))
    if factor < 1:
        deviation = (1 / factor - 1) / 2
        smooth = [ndimage.gaussian_filter(channel.numpy(), deviation, mode="nearest") for channel in image]
        image = torch.from_numpy(np.stack(smooth))
    return _sampled(image, factor, sides, order=3).clamp(low, high)


def magnified_labels(
    labels: Integer[Tensor, "*shape"], factor: float, sides: Sequence[int]
) -> Integer[Tensor, "*magnified"]:
    """Of each pixel the label that has most of it, all labels being interpolated linearly as areas of 0 and 1.

    A boundary moves by less than it would with the nearest label, and nothing is between two labels. Overlapping
    regions, on an axis in front, are labels one by one; of two labels that have the same share the lower one wins.
    """
    if labels.dim() > len(sides):
        return torch.stack([magnified_labels(region, factor, sides) for region in labels])
    winner = torch.zeros(list(sides), dtype=labels.dtype)
    most = torch.full(list(sides), -1.0)
    for label in labels.unique():
        [share] = _sampled((labels == label)[None].float(), factor, sides, order=1)
        winner, most = torch.where(share > most, label, winner), torch.maximum(share, most)
    return winner


def magnified_regions(
    regions: Bool[Tensor, "k *space"], factor: float, sides: Sequence[int]
) -> Bool[Tensor, "k *sides"]:
    """Which pixels belong to each region by more than half, interpolated linearly."""
    return _sampled(regions.float(), factor, sides, order=1) > 0.5


def _sampled(
    channels: Float[Tensor, "channels *space"] | Integer[Tensor, "channels *space"],
    factor: float,
    sides: Sequence[int],
    order: int,
) -> Float[Tensor, "channels *sides"] | Integer[Tensor, "channels *sides"]:
    """Each channel at the places p / factor, p the places of the result, both from the centre of their image."""
    offset = [
        (side - 1) / 2 - (wanted - 1) / 2 / factor for side, wanted in zip(channels.shape[1:], sides, strict=True)
    ]
    step = np.full(len(sides), 1 / factor)
    parts = [
        ndimage.affine_transform(channel.numpy(), step, offset, tuple(sides), order=order, mode="nearest")
        for channel in channels
    ]
    return torch.from_numpy(np.stack(parts))
