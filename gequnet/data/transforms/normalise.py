"""Normalisation of intensities, by a scale for each image or one for all images."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from gequnet.data.scene import Scene, pixels

Normalisation = Literal["range", "instance", "instance_nonzero", "full", "full_nonzero", "none"]
NORMALISATIONS: tuple[Normalisation, ...] = get_args(Normalisation)

FLAT = 1e-6
"""A channel with a smaller deviation is constant: it is shifted and not divided."""


@dataclass(frozen=True)
class Scale:
    r"""The map :math:`v \mapsto (v - \mathrm{shift}) / \mathrm{unit}` of each channel of one scene.

    The scale is computed from the whole scene and used for each of its patches. So a patch has the same intensities as
    its image, and a change of colour by augmentation is not undone.
    """

    shift: Float[Tensor, " channels"]
    unit: Float[Tensor, " channels"]

    def __call__(self, image: Float[Tensor, "channels *space"]) -> Float[Tensor, "channels *space"]:
        """The normalised image."""
        per_channel = (-1, *(1,) * (image.dim() - 1))
        return (image - self.shift.view(per_channel)) / self.unit.view(per_channel)


def intensity_scale(scene: Scene, how: Normalisation) -> Scale:
    """The intensity scale of one scene, from its valid pixels alone.

    Args:
        scene: A whole image.
        how: ``instance`` makes the mean of each channel 0 and its standard deviation 1. ``instance_nonzero`` does so
            with the pixels that are not 0, such as those of a brain without its skull; the others are mapped by the
            same function, so the background stays darker than the brain. ``range`` makes the minimum 0 and the maximum
            1. ``none`` keeps the intensities (8-bit images have 0 to 1).

    Returns:
        The scale; a constant channel is shifted and not divided.
    """
    if how == "none":
        return Scale(torch.zeros(len(scene.image)), torch.ones(len(scene.image)))
    if how != "range":
        return pooled_scale([scene], nonzero=how.endswith("nonzero"))
    values = _seen(scene)
    return _scale(values.amin(1), values.amax(1) - values.amin(1))


def pooled_scale(scenes: Iterable[Scene], nonzero: bool) -> Scale:
    """The scale that makes mean and standard deviation of all valid pixels of all scenes 0 and 1.

    Each scene is read once and not kept. Sums are in double precision, since intensities may be millions.

    Args:
        scenes: At least one scene.
        nonzero: True to leave out pixels that are 0, in each channel by itself.
    """
    count, total, squares = (torch.zeros((), dtype=torch.float64) for _ in range(3))
    first: Tensor | None = None
    for scene in scenes:
        values = _seen(scene)
        counted = values != 0 if nonzero else torch.ones_like(values[:, :1], dtype=torch.bool).expand_as(values)
        # Relative to a value of the data, so that a large mean does not hide a small deviation.
        first = values.mean(1, keepdim=True) if first is None else first
        rest = (values - first).mul_(counted)
        count, total = count + counted.sum(1), total + rest.sum(1, dtype=torch.float64)
        squares = squares + rest.square_().sum(1, dtype=torch.float64)
    assert first is not None
    mean = total / count.clamp(min=1)
    deviation = (squares / count.clamp(min=1) - mean.square()).clamp(min=0).sqrt()
    return _scale((first[:, 0] + mean).float(), deviation.float())


def _seen(scene: Scene) -> Float[Tensor, "channels pixels"]:
    """The valid pixels; all pixels if none is valid."""
    values = pixels(scene.image)
    return values[:, scene.valid] if scene.valid.any() and not scene.valid.all() else values.flatten(1)


def _scale(shift: Float[Tensor, " channels"], unit: Float[Tensor, " channels"]) -> Scale:
    return Scale(shift, torch.where(unit > FLAT, unit, torch.ones_like(unit)))
