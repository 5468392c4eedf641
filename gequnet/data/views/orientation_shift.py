"""Trained on structures that run one way and tested on those that run another: any dataset of images, split again."""

import logging
import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Int64

from gequnet.data.scene import Scene
from gequnet.data.source import SPLITS, Source, Split
from gequnet.data.views.orientation_grid import Grid, Windows, spread
from gequnet.errors import ConfigError

log = logging.getLogger(__name__)

PATCH = re.compile(r"(?P<image>.+)@(?P<row>\d+),(?P<column>\d+)")


class OrientationShift(Source):
    r"""Patches of a dataset by the direction in which most of their foreground runs.

    Every foreground pixel votes for its direction, found by the structure tensor of the mask, with its coherence. A
    patch *has* a direction where one of ``ranges`` ranges of :math:`180°/n` holds over ``share`` of the votes. The
    network trains on patches that have one of the ranges ``train``, is selected on such patches of the validation
    images, and is tested on patches of the test images that have one of ``test``. Of four ranges 0 is horizontal, 1
    rising, 2 vertical, 3 falling. The dataset's own split stays: no image is in two.

    Training images keep their ids, and their ``corners`` say where a patch may start: at every place of a grid that
    qualifies. Validation and test ids are patches, ``<image>@<row>,<column>``, each a scene of its own on the
    intensity scale of its whole image, no two of them nearer than half a patch. An image without such a place is left
    out.

    What it does not do: a training patch may hold up to 1 - ``share`` of its votes in directions of the test. The
    shift is one of what is frequent. How much of a score is due to it, a training with all ranges on the same test
    patches tells (``train=[0, 1, 2, 3]``).

    Args:
        source: The dataset, of images.
        size: Side of a patch in pixels, or height and width.
        train: The ranges of training and validation patches.
        test: The ranges of test patches.
        ranges: Into how many the half circle is cut; range *k* is centred on :math:`k \cdot 180°/n`.
        share: A range is dominant above this share of the votes.
        stride: Distance between the places of the grid in pixels; None for an eighth of the patch.
        max_per_image: At most so many validation or test patches of one image, spread over it.
        min_valid: Least share of a patch inside the field of view.
        min_foreground: Least share of a patch that is foreground, since a few pixels have no direction to speak of.
        bins: Of the histograms of directions, a multiple of twice ``ranges``.
        sigma: Width of the Gaussian derivatives of the structure tensor, in pixels.
        rho: Width of its neighbourhood, in pixels.

    Raises:
        ConfigError: If arguments contradict each other, the dataset is not one of images, or no patch of a split
            qualifies.

    References:
        The benchmark follows R. Tuxen's project on group-equivariant U-Nets (DTU, 2021), where the votes had no
        weight and the tensor ended with the patch.

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
            raise ConfigError(f"data.view.size={sides} is no size of a patch of an image; give height and width.")
        stride = max(1, min(sides) // 8) if stride is None else stride
        self.source, self.name, self.max_per_image = source, source.name, max_per_image
        self.grid = Grid((sides[0], sides[1]), stride, ranges, share, min_valid, min_foreground, bins, sigma, rho)
        self.wanted: dict[Split, list[int]] = {"train": list(train), "val": list(train), "test": list(test)}
        self._ids: dict[Split, list[str]] = {}
        self._windows: dict[str, Windows] = {}
        self._open: Scene | None = None  # the image of the last patch, which is that of the next one too
        self._check_ranges()

    def ids(self, split: Split) -> list[str]:
        """The training images that have a place to train on; the patches to validate and test on."""
        if split not in self._ids:
            self._ids[split] = self._find(split)
        return list(self._ids[split])

    def load(self, sample_id: str) -> Scene:
        """An image with its corners, or the scene of a patch."""
        patch = PATCH.fullmatch(sample_id)
        if patch is None:
            corners = torch.from_numpy(self._corners(sample_id, "train"))
            return replace(self.source.load(sample_id), corners=corners)
        return self._whole(patch["image"]).crop(sample_id, _corner(patch), self.grid.size)

    def check(self) -> None:
        """See that the dataset is there, then look for the patches of every split."""
        self.source.check()
        places = sum(len(self._corners(image, "train")) for image in self.ids("train"))
        log.info(
            "%s by direction: %d places in %d images to train on, %d patches to validate on, %d to test on.",
            self.name,
            places,
            *(len(self.ids(split)) for split in SPLITS),
        )

    def labels_differ(self) -> list[str]:
        """What the dataset says."""
        return self.source.labels_differ()

    def facts(self, sample_id: str) -> dict[str, str | float]:
        """Of a patch its ``image`` and its ``orientation``: degrees below 180, 0 horizontal, 45 rising, 90 vertical."""
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
            for row, column in spread(corners[image], apart, self.max_per_image)
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
            f"{self.name}: no {split} image holds a patch of {size} pixels with over {self.grid.share:.0%} of its "
            f"foreground's directions in one of the ranges {ranges}; take a smaller data.patch_size or "
            f"data.view.share, or other data.view.{_key(split)}."
        )

    def _check_ranges(self) -> None:
        if self.max_per_image < 1:
            raise ConfigError(
                f"data.view.max_per_image={self.max_per_image} leaves nothing to test on; give 1 or more."
            )
        for split, wanted in self.wanted.items():
            if not wanted or not set(wanted) <= set(range(self.grid.ranges)):
                raise ConfigError(
                    f"data.view.{_key(split)}={wanted} names no range of directions, or one that is not there; with "
                    f"data.view.ranges={self.grid.ranges} they are 0 to {self.grid.ranges - 1}."
                )


def _key(split: Split) -> str:
    """The argument that says which ranges a split has."""
    return "test" if split == "test" else "train"


def _corner(patch: re.Match[str]) -> tuple[int, int]:
    return int(patch["row"]), int(patch["column"])
