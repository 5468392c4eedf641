"""Random changes of brightness, contrast and colour; labels and geometry are unchanged."""

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from gequnet.data.transforms.augment import Augmentation
from gequnet.data.transforms.patch import Patch
from gequnet.errors import ConfigError

FAR_OUTSIDE = 1.0
"""Limit beyond [0, 1] for intensities of a photograph: the overshoot of a bicubic warp at an edge is smaller."""


class Colour(Augmentation):
    """Random exposure and colour, for images of one channel or of red, green and blue with values in [0, 1].

    The changes come in this order, each drawn uniformly from its range in both directions: brightness is added,
    contrast multiplies, gamma is an exponent (drawn in the logarithm), saturation multiplies, hue is turned. Results
    are clipped to [0, 1]. Saturation and hue need three channels and are left out for one. The augmentation comes
    before normalisation, whose scale is that of the unchanged image, so normalisation does not undo it.

    Args:
        brightness: Largest amount added or subtracted.
        contrast: Largest relative change, below 1.
        gamma: Largest relative change of the exponent.
        saturation: Largest relative change, below 1.
        hue: Largest rotation of the colour circle in radians.

    Raises:
        ConfigError: If a range is negative or too large, or if an image is not a photograph.
    """

    def __init__(
        self,
        brightness: float = 0.0,
        contrast: float = 0.0,
        gamma: float = 0.0,
        saturation: float = 0.0,
        hue: float = 0.0,
    ) -> None:
        if min(brightness, contrast, gamma, saturation, hue) < 0 or max(contrast, saturation) >= 1 or hue > math.pi:
            raise ConfigError(
                "augment: the ranges of colour must be 0 or more, contrast and saturation below 1, hue at most pi."
            )
        self.brightness, self.contrast, self.gamma = brightness, contrast, gamma
        self.saturation, self.hue = saturation, hue

    def __call__(self, patch: Patch, size: Sequence[int], generator: torch.Generator) -> Patch:
        """The patch in other colours."""
        draws = (2 * torch.rand(5, generator=generator) - 1).tolist()
        return replace(patch, image=self._changed(patch.image, draws))

    def _changed(
        self, image: Float[Tensor, "channels *space"], draws: Sequence[float]
    ) -> Float[Tensor, "channels *space"]:
        from kornia import enhance

        if len(image) not in (1, 3):
            raise ConfigError(f"augment: an image of {len(image)} channels has no colours; use 1 or 3 channels.")
        check_range(image, "colour")
        brightness, contrast, gamma, saturation, hue = draws
        image = enhance.adjust_brightness(image, brightness * self.brightness)
        image = enhance.adjust_contrast(image, 1 + contrast * self.contrast)
        if self.gamma:
            image = enhance.adjust_gamma(image, (1 + self.gamma) ** gamma)
        if self.saturation and len(image) == 3:
            image = enhance.adjust_saturation(image, 1 + saturation * self.saturation)
        if self.hue and len(image) == 3:
            image = enhance.adjust_hue(image, hue * self.hue)
        return image


def check_range(image: Float[Tensor, "channels *space"], what: str) -> None:
    """Refuse an image with another unit than [0, 1], which clipping would destroy.

    Args:
        image: before normalisation.
        what: name of the augmentation, for the message.

    Raises:
        ConfigError: If its intensities are far from [0, 1].
    """
    low, high = image.aminmax()
    if low < -FAR_OUTSIDE or high > 1 + FAR_OUTSIDE:
        raise ConfigError(
            f"augment: {what} is for intensities from 0 to 1, and here they are {low:.3g} to {high:.3g}: choose an "
            f"augment without {what} for images with other units."
        )
