"""View of a dataset of images for training on some orientations of structures and testing on others."""

import logging
import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Int64

from gequnet.data.scene import Scene
from gequnet.data.source import SPLITS, Source, Split
from gequnet.data.views.orientation_grid import OrientationGrid, Windows, farthest_corners
from gequnet.errors import ConfigError

log = logging.getLogger(__name__)

PATCH = re.compile(r"(?P<image>.+)@(?P<row>\d+),(?P<column>\d+)")


class OrientationShift(Source):
    r"""Patches of a dataset by the dominant direction of their foreground.

    Each foreground pixel votes for its direction, by the structure tensor of the mask, weighted by its coherence. A
    patch has a dominant direction if one of ``ranges`` ranges of :math:`180°/n` has more than ``share`` of the votes.
    Training and validation patches have one of the ranges ``train``, test patches one of the ranges ``test``. Of four
    ranges 0 is horizontal, 1 rising, 2 vertical, 3 falling. The dataset's own split is kept: no image is in two splits.

    Training images keep their ids. Their ``corners`` are the places of a grid at which a patch has a training
    direction. Validation and test ids are patches, ``<image>@<row>,<column>``. Each patch is a scene with the intensity
    scale of its whole image, and two patches are at least half a patch apart. Images without such a place are left out.

    Limits: up to 1 - ``share`` of the votes of a training patch may be in test directions, so the shift is one of
    frequencies. Its effect on a score is measured by a training with all ranges (``train=[0, 1, 2, 3]``) on the same
    test patches.

    Args:
        source: The dataset, of images.
        size: Side of a patch in pixels, or height and width.
        train: The ranges of training and validation patches.
        test: The ranges of test patches.
        ranges: Number of ranges of the half circle; range *k* is centred on :math:`k \cdot 180°/n`.
        share: Share of the votes above which a range is dominant.
        stride: Distance between the places of the grid in pixels; None for an eighth of the patch.
        max_per_image: Maximum number of validation or test patches of one image, distributed over it.
        min_valid: Minimum share of a patch inside the field of view.
        min_foreground: Minimum share of foreground in a patch, since a few pixels have no clear direction.
        bins: Number of bins of the histograms of directions, a multiple of twice ``ranges``.
        sigma: Standard deviation of the Gaussian derivatives of the structure tensor, in pixels.
        rho: Standard deviation of its neighbourhood, in pixels.

    Raises:
        ConfigError: If arguments contradict each other, the dataset is not one of images, or a split has no
            suitable patch.

    References:
        The benchmark follows R. Tuxen's project on group-equivariant U-Nets (DTU, 2021). There the votes had no
        weights and the structure tensor ended at the border of a patch.

    Example:
        >>> from gequnet.data.phantoms.phantom_vessels import PhantomVessels
        >>> shifted = OrientationShift(PhantomVessels(num_images={"train": 2, "val": 2, "test": 2}), size=64)
        >>> patch = shifted.ids("test")[0]
        >>> patch, shifted.facts(patch), shifted.load(patch).space
        ('test-000@0,0', {'image': 'test-000', 'orientation': 95.8}, torch.Size([64, 64]))
    """

    def __init__(
        self,
        source: Source,
        size: int | Sequence[int],
        train: Sequence[int] = (0, 1),
        test: Sequence[int] = (2, 3),
        ranges: int = 4,
        share: float = 0.45,
        stride: int | None = None,
        max_per_image: int = 64,
        min_valid: float = 0.5,
        min_foreground: float = 0.01,
        bins: int = 120,
        sigma: float = 0.5,
        rho: float = 10.0,
    ) -> None:
        sides = [size, size] if isinstance(size, int) else list(size)
        if len(sides) != 2:
            raise ConfigError(f"data.view.size={sides} is not the size of a patch of an image: give height and width.")
        stride = max(1, min(sides) // 8) if stride is None else stride
        self.source, self.name, self.max_per_image = source, source.name, max_per_image
        self.grid = OrientationGrid(
            (sides[0], sides[1]), stride, ranges, share, min_valid, min_foreground, bins, sigma, rho
        )
        self.wanted: dict[Split, list[int]] = {"train": list(train), "val": list(train), "test": list(test)}
        self._ids: dict[Split, list[str]] = {}
        self._windows: dict[str, Windows] = {}
        self._open: Scene | None = None  # the image of the last patch, and mostly of the next one
        self._check_ranges()

    def ids(self, split: Split) -> list[str]:
        """The ids of the training images with suitable places, or of the validation or test patches."""
        if split not in self._ids:
            self._ids[split] = self._find(split)
        return list(self._ids[split])

    def load(self, sample_id: str) -> Scene:
        """A training image with its corners, or the scene of a patch."""
        patch = PATCH.fullmatch(sample_id)
        if patch is None:
            corners = torch.from_numpy(self._corners(sample_id, "train"))
            return replace(self.source.load(sample_id), corners=corners)
        return self._whole(patch["image"]).crop(sample_id, _corner(patch), self.grid.size)

    def check(self) -> None:
        """Check the dataset, then find the patches of every split."""
        self.source.check()
        places = sum(len(self._corners(image, "train")) for image in self.ids("train"))
        log.info(
            "%s by direction: %d training places in %d images, %d validation patches, %d test patches.",
            self.name,
            places,
            *(len(self.ids(split)) for split in SPLITS),
        )

    def labels_differ(self) -> list[str]:
        """The ids that the dataset itself returns."""
        return self.source.labels_differ()

    def facts(self, sample_id: str) -> dict[str, str | float]:
        """Facts of a patch: ``image`` and ``orientation``, 0 to 180 degrees (0 horizontal, 45 rising, 90 vertical)."""
        patch = PATCH.fullmatch(sample_id)
        if patch is None:
            return self.source.facts(sample_id)
        image = patch["image"]
        degrees = self._windows_of(image).degrees(*_corner(patch))
        return self.source.facts(image) | {"image": image, "orientation": degrees}

    def _find(self, split: Split) -> list[str]:
        corners = {image: self._corners(image, split) for image in self.source.ids(split)}
        found = [image for image in corners if len(corners[image])]
        if not found:
            raise ConfigError(self._nothing_in(split))
        if split == "train":
            return found
        apart = min(self.grid.size) / 2
        return [
            f"{image}@{row},{column}"
            for image in found
            for row, column in farthest_corners(corners[image], apart, self.max_per_image)
        ]

    def _corners(self, image: str, split: Split) -> Int64[np.ndarray, "n 2"]:
        return self._windows_of(image).corners(self.wanted[split])

    def _windows_of(self, image: str) -> Windows:
        if image not in self._windows:
            self._windows[image] = self.grid.windows(self._whole(image))
        return self._windows[image]

    def _whole(self, image: str) -> Scene:
        if self._open is None or self._open.id != image:
            self._open = self.source.load(image)
        return self._open

    def _nothing_in(self, split: Split) -> str:
        ranges, size = ", ".join(map(str, self.wanted[split])), "x".join(map(str, self.grid.size))
        return (
            f"{self.name}: no {split} image has a patch of {size} pixels with over {self.grid.share:.0%} of its "
            f"foreground's directions in one of the ranges {ranges}; take a smaller data.patch_size or "
            f"data.view.share, or other data.view.{_key(split)}."
        )

    def _check_ranges(self) -> None:
        if self.max_per_image < 1:
            raise ConfigError(f"data.view.max_per_image={self.max_per_image} leaves no test patches: give 1 or more.")
        for split, wanted in self.wanted.items():
            if not wanted or not set(wanted) <= set(range(self.grid.ranges)):
                raise ConfigError(
                    f"data.view.{_key(split)}={wanted} must be a list of ranges of directions; with "
                    f"data.view.ranges={self.grid.ranges} they are 0 to {self.grid.ranges - 1}."
                )


def _key(split: Split) -> str:
    """The argument with the ranges of a split."""
    return "test" if split == "test" else "train"


def _corner(patch: re.Match[str]) -> tuple[int, int]:
    return int(patch["row"]), int(patch["column"])
