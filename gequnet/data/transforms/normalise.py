"""Intensities on a common scale, image by image."""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from gequnet.data.scene import Scene, pixels

Normalisation = Literal["image", "range", "none"]


@dataclass(frozen=True)
class Scale:
    r"""The map :math:`v \mapsto (v - \mathrm{shift}) / \mathrm{unit}` of each channel of one scene.

    It is fixed by the whole scene and then used for each of its patches, so that a patch and the image it
    came from look the same to the network, and a change of colour made by augmentation is not undone.
    """

    shift: Float[Tensor, " channels"]
    unit: Float[Tensor, " channels"]

    def __call__(self, image: Float[Tensor, "channels *space"]) -> Float[Tensor, "channels *space"]:
        """The image on the common scale."""
        spread = (-1, *(1,) * (image.dim() - 1))
        return (image - self.shift.view(spread)) / self.unit.view(spread)


def scale_of(scene: Scene, how: Normalisation) -> Scale:
    """The scale of one scene, from its valid pixels alone.

    Args:
        scene: A whole image.
        how: ``image`` makes the mean of each channel 0 and its standard deviation 1; ``range`` makes its
            minimum 0 and its maximum 1; ``none`` keeps the intensities (8-bit images run from 0 to 1).

    Returns:
        The scale; a constant channel is shifted and not stretched.
    """
    channels = len(scene.image)
    if how == "none":
        return Scale(torch.zeros(channels), torch.ones(channels))
    inside = scene.valid if scene.valid.any() else torch.ones_like(scene.valid)
    values = pixels(scene.image)[:, inside]
    if how == "image":
        shift, unit = values.mean(1), values.std(1, correction=0)
    else:
        shift, unit = values.amin(1), values.amax(1) - values.amin(1)
    return Scale(shift, torch.where(unit > 1e-6, unit, torch.ones_like(unit)))
