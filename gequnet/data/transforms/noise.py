"""Random camera noise; labels and geometry are unchanged."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from gequnet.data.transforms.augment import Augmentation
from gequnet.data.transforms.colour import check_range
from gequnet.data.transforms.patch import Patch
from gequnet.errors import ConfigError


class Noise(Augmentation):
    """Gaussian noise, independent in each pixel and channel, for images with values in [0, 1].

    The standard deviation is drawn for each patch, uniformly from 0 to the largest. Results are clipped to [0, 1], as
    in [`gequnet.data.transforms.colour`][]: a sensor has no values below black or above white. The augmentation comes
    before normalisation, whose scale is that of the unchanged image.

    Args:
        std: Largest standard deviation; .05 is 13 of 255.

    Raises:
        ConfigError: If it is negative, or if an image has intensities of another unit.
    """

    def __init__(self, std: float) -> None:
        if std < 0:
            raise ConfigError(f"augment: std={std} of noise must be 0 or more; 0.05 is visible.")
        self.std = float(std)

    def __call__(self, patch: Patch, size: Sequence[int], generator: torch.Generator) -> Patch:
        """The patch with noise."""
        check_range(patch.image, "noise")
        std = self.std * torch.rand((), generator=generator)
        noise = torch.randn(patch.image.shape, generator=generator)
        return replace(patch, image=(patch.image + std * noise).clamp(0, 1))
