"""Random changes of brightness, contrast and colour; labels and geometry stay as they are."""

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from gequnet.data.transforms.augment import Augmentation
from gequnet.data.transforms.patch import Patch
from gequnet.errors import ConfigError


class Colour(Augmentation):
    """Another exposure of the same patch, for images of one channel or of red, green and blue with values in [0, 1].

    In this order, each drawn uniformly from its range either way: brightness is added, contrast multiplies, gamma is an
    exponent (drawn in the logarithm), saturation multiplies and hue is turned; results are cut at 0 and 1. The last two
    need three channels and are left out for one. It comes before normalisation, whose scale is that of the unchanged
    image, so the change is what the network sees.

    Args:
        brightness: Largest amount added or taken away.
        contrast: Largest relative change, below 1.
        gamma: Largest relative change of the exponent.
        saturation: Largest relative change, below 1.
        hue: Largest turn of the colour circle in radians.

    Raises:
        ConfigError: If a range is negative or too large.
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

    def _changed(self, image: Float[Tensor, "channels h w"], draws: Sequence[float]) -> Float[Tensor, "channels h w"]:
        from kornia import enhance

        if len(image) not in (1, 3):
            raise ConfigError(f"augment: colours of an image of {len(image)} channels have no meaning; use 1 or 3.")
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
