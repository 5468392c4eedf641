"""Trained on structures that run one way and tested on those that run another: any dataset of images, split again."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64

from gequnet.data.orientation import Dominance, directions, dominance, window_sums
from gequnet.data.scene import Scene
from gequnet.data.source import SPLITS, Source, Split
from gequnet.errors import ConfigError

log = logging.getLogger(__name__)

PATCH = re.compile(r"(?P<image>.+)@(?P<row>\d+),(?P<column>\d+)")


@dataclass(frozen=True)
class _Grid:
    """The windows of one image: which way each runs, and whether there is enough in it to say so."""

    dominance: Dominance
    usable: Bool[np.ndarray, "rows columns"]

    def corners(self, ranges: Sequence[int], stride: int) -> Int64[np.ndarray, "n 2"]:
        """The first row and column of the usable windows that run in one of these ranges."""
        return np.argwhere(self.usable & np.isin(self.dominance.range, ranges)) * stride


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
        >>> from gequnet.data.phantom_vessels import PhantomVessels
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
        self.source, self.name = source, source.name
        self.size = [size, size] if isinstance(size, int) else list(size)
        self.ranges, self.share = ranges, share
        self.wanted: dict[Split, list[int]] = {"train": list(train), "val": list(train), "test": list(test)}
        self.stride = max(1, min(self.size, default=1) // 8) if stride is None else stride
        self.max_per_image, self.min_valid, self.min_foreground = max_per_image, min_valid, min_foreground
        self.bins, self.sigma, self.rho = bins, sigma, rho
        self._ids: dict[Split, list[str]] = {}
        self._grids: dict[str, _Grid] = {}
        self._open: Scene | None = None  # the image of the last patch, which is that of the next one too
        self._check_arguments()

    def ids(self, split: Split) -> list[str]:
        """The training images that have a place to train on; the patches to validate and test on."""
        if split not in self._ids:
            self._ids[split] = self._find(split)
        return list(self._ids[split])

    def load(self, sample_id: str) -> Scene:
        """An image with its corners, or the scene of a patch."""
        patch = PATCH.fullmatch(sample_id)
        if patch is None:
            corners = self._grid(sample_id).corners(self.wanted["train"], self.stride)
            return replace(self.source.load(sample_id), corners=torch.from_numpy(corners))
        corner = [int(patch["row"]), int(patch["column"])]
        return self._whole(patch["image"]).crop(sample_id, corner, self.size)

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
        row, column = (int(patch[axis]) // self.stride for axis in ("row", "column"))
        angle = self._grid(patch["image"]).dominance.angle[row, column]
        degrees = round(float(np.degrees(angle)), 2) % 180
        return self.source.facts(patch["image"]) | {"image": patch["image"], "orientation": degrees}

    def _find(self, split: Split) -> list[str]:
        corners = {image: self._corners(image, split) for image in self.source.ids(split)}
        found = [image for image in corners if len(corners[image])]
        if split != "train":
            found = [
                f"{image}@{row},{column}"
                for image in found
                for row, column in spread(corners[image], min(self.size) / 2, self.max_per_image)
            ]
        if not found:
            raise ConfigError(self._nothing_in(split))
        return found

    def _corners(self, image: str, split: Split) -> Int64[np.ndarray, "n 2"]:
        return self._grid(image).corners(self.wanted[split], self.stride)

    def _grid(self, image: str) -> _Grid:
        if image not in self._grids:
            self._grids[image] = self._look_at(self._whole(image))
        return self._grids[image]

    def _look_at(self, scene: Scene) -> _Grid:
        """The directions of all windows of one image."""
        valid = scene.valid.numpy()
        foreground = (scene.mask > 0).reshape(-1, *scene.space).any(0).numpy() & valid
        runs = directions(foreground, self.sigma, self.rho)
        bins = np.minimum((runs.angle * self.bins / np.pi).astype(np.int64), self.bins - 1)
        votes = window_sums(bins, runs.coherence * foreground, self.bins, self.size, self.stride)
        found = dominance(votes, self.ranges)
        usable = (
            (found.share > self.share)
            & (self._mean(valid) >= self.min_valid)
            & (self._mean(foreground) >= self.min_foreground)
        )
        return _Grid(found, usable)

    def _mean(self, part: Bool[np.ndarray, "h w"]) -> Float64[np.ndarray, "rows columns"]:
        nothing = np.zeros(part.shape, dtype=np.int64)
        sums = window_sums(nothing, part.astype(np.float64), 1, self.size, self.stride)
        return sums[..., 0] / (self.size[0] * self.size[1])

    def _whole(self, image: str) -> Scene:
        if self._open is None or self._open.id != image:
            scene = self.source.load(image)
            if len(scene.space) != 2:
                raise ConfigError(
                    f"data.view: {self.name} has {len(scene.space)} axes, and directions are looked for in images of "
                    "two; take a 2-D dataset."
                )
            self._open = scene
        return self._open

    def _nothing_in(self, split: Split) -> str:
        ranges = ", ".join(map(str, self.wanted[split]))
        return (
            f"{self.name}: no {split} image holds a patch of {self.size[0]}x{self.size[1]} pixels with over "
            f"{self.share:.0%} of its foreground's directions in one of the ranges {ranges}; take a smaller "
            f"data.patch_size or data.view.share, or other data.view.{'test' if split == 'test' else 'train'}."
        )

    def _check_arguments(self) -> None:
        if len(self.size) != 2 or min(self.size) < 1:
            raise ConfigError(f"data.view.size={self.size} is no size of a patch of an image; give height and width.")
        for split, wanted in self.wanted.items():
            if not wanted or not set(wanted) <= set(range(self.ranges)):
                key = "test" if split == "test" else "train"
                raise ConfigError(
                    f"data.view.{key}={wanted} names no range of directions, or one that is not there; with "
                    f"data.view.ranges={self.ranges} they are 0 to {self.ranges - 1}."
                )
        if self.bins < 1 or self.bins % (2 * self.ranges):
            raise ConfigError(
                f"data.view.bins={self.bins} would cut a bin in two at the border of a range; give a multiple of "
                f"{2 * self.ranges}, twice data.view.ranges."
            )
        if self.stride < 1 or self.max_per_image < 1:
            raise ConfigError(
                f"data.view.stride={self.stride} and data.view.max_per_image={self.max_per_image} must be at least 1."
            )


def spread(corners: Int64[np.ndarray, "n 2"], nearest: float, most: int) -> list[tuple[int, int]]:
    """Corners far from each other: each next one is the farthest from all before, in steps of a king on a chessboard.

    Args:
        corners: To choose from; the first is the start.
        nearest: None is nearer to another than this, in pixels.
        most: So many at most.

    Returns:
        The chosen, in the order in which they were given.

    Example:
        >>> spread(np.array([[0, 0], [0, 1], [0, 5], [0, 9]]), nearest=2.0, most=3)
        [(0, 0), (0, 5), (0, 9)]
    """
    distance = np.full(len(corners), np.inf)
    chosen: list[int] = []
    while len(chosen) < most and len(corners) and distance.max() >= nearest:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, abs(corners - corners[chosen[-1]]).max(1))
    return [(int(row), int(column)) for row, column in corners[sorted(chosen)]]
