"""What datasets of volumes share: NIfTI files that lie over each other, and what is done before anything is trained."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float32, Float64, Int16, Shaped, UInt8
from torch import Tensor

from gequnet.data.cache import SceneFiles
from gequnet.data.errors import (
    DataError,
    GridMismatchError,
    MissingImageError,
    MissingMaskError,
    MissingModalityError,
    SizeMismatchError,
    UnexpectedMaskValuesError,
)
from gequnet.data.formats.nifti import Geometry, read_geometry, read_nifti
from gequnet.data.scene import Scene
from gequnet.data.source import SPLITS, Source
from gequnet.data.transforms.resample_volume import resample_image, resample_labels, size_at
from gequnet.errors import ConfigError

Millimetres = int | float | Sequence[int | float]
"""One length, or one for each of the axes right, front and head."""


@dataclass(frozen=True)
class VolumeFiles:
    """The files of one scene.

    Args:
        images: One file for each channel, or one for all.
        mask: The labels.
    """

    images: tuple[Path, ...]
    mask: Path


class VolumeSource(Source):
    """Volumes with labels as NIfTI files, each turned upright and, if that is asked for, cropped and resampled.

    A voxel that is not a finite number in any channel is not valid. Labels are those of the file's voxels; where
    voxels are made anew each has the label that it shows most of.

    Args:
        root: The folder that holds the dataset's folder, or the dataset's folder itself.
        spacing: Sides of a voxel; None keeps the file's own. A volume is a whole number of voxels long, so the outcome
            differs a little; the scene says it exactly.
        cubic: Whether intensities are interpolated by cubics; else linearly.
        crop: Whether a volume is cut to the box of its voxels that are not 0 in some channel.
        cache: Folder in which finished scenes are kept, see ``SceneFiles``; None for none.

    Raises:
        ConfigError: If the spacing is none.
    """

    def __init__(
        self,
        root: str | Path,
        spacing: Millimetres | None = None,
        cubic: bool = False,
        crop: bool = False,
        cache: str | Path | None = None,
    ) -> None:
        self.root, self.cubic, self.crop = Path(root), cubic, crop
        sides = [spacing] * 3 if isinstance(spacing, int | float) else spacing
        self.spacing = None if sides is None else [float(side) for side in sides]
        self.cache = None if cache is None else SceneFiles(cache)
        if self.spacing is not None and (len(self.spacing) != 3 or min(self.spacing) <= 0):
            raise ConfigError(
                f"data.source.spacing={spacing} is no size of a voxel: give millimetres, one number or three, or null."
            )

    @abstractmethod
    def files(self, sample_id: str) -> VolumeFiles:
        """Where the parts of one volume are expected to be."""

    @abstractmethod
    def mask_of(self, labels: UInt8[np.ndarray, "x y z"], path: Path) -> UInt8[np.ndarray, "..."]:
        """The mask, ``[*space]`` or ``[K, *space]``, of the labels in a file.

        Raises:
            UnexpectedMaskValuesError: If there are labels that the dataset does not have.
        """

    def labels_of(self, mask: UInt8[np.ndarray, "..."]) -> UInt8[np.ndarray, "x y z"]:
        """The labels that a file would hold for this mask: the way back from ``mask_of``."""
        return mask

    def load(self, sample_id: str) -> Scene:
        """The volume, finished, from the cache where there is one."""
        files = self.files(sample_id)
        if self.cache is None:
            return self._make(sample_id, files)
        settings = (type(self).__name__, sample_id, self.spacing, self.cubic, self.crop)
        return self.cache.scene([*files.images, files.mask], settings, lambda: self._make(sample_id, files))

    def check(self) -> None:
        """See that every file of every split is there and lies over the others, from headers alone."""
        for sample_id in (sample_id for split in SPLITS for sample_id in self.ids(split)):
            for error in self.missing(sample_id):
                raise error
            _check_grids(sample_id, self.files(sample_id))

    def missing(self, sample_id: str) -> list[DataError]:
        """The volumes of this scene that are not there."""
        try:
            files = self.files(sample_id)
        except MissingModalityError as error:
            return [error]
        errors: list[DataError] = [
            MissingImageError(self.name, sample_id, image) for image in files.images if not image.is_file()
        ]
        if not files.mask.is_file():
            errors.append(MissingMaskError(self.name, sample_id, files.mask))
        return errors

    def _make(self, sample_id: str, files: VolumeFiles) -> Scene:
        _check_grids(sample_id, files)
        image, geometry = _read_image(files.images)
        labels, _ = read_nifti(files.mask)
        mask = self.mask_of(labels_as_uint8(labels, files.mask), files.mask)
        if self.crop:
            geometry = replace(geometry, box=nonzero_box(geometry.upright(image)))
        space = geometry.size if self.spacing is None else size_at(geometry.size, geometry.voxel_mm, self.spacing)
        valid = np.isfinite(image).all(0)
        shown = resample_image(geometry.upright(np.where(valid, image, 0)), space, order=3 if self.cubic else 1)
        return Scene(
            sample_id,
            int16_if_exact(shown),
            torch.from_numpy(resample_labels(geometry.upright(mask), space)),
            torch.from_numpy(resample_labels(geometry.upright(valid.astype(np.uint8)), space)).bool(),
            spacing=geometry.spacing(space),
            geometry=geometry,
        )


def nonzero_box(image: Shaped[np.ndarray, "channels x y z"]) -> tuple[tuple[int, int], ...]:
    """The smallest box with every voxel that is not 0 in some channel; the whole where there is none.

    >>> content_box(np.pad(np.ones((2, 1, 2, 3)), [(0, 0), (1, 0), (0, 4), (2, 2)]))
    ((1, 2), (0, 2), (2, 5))
    """
    filled: Bool[np.ndarray, "x y z"] = (image != 0).any(0)
    if not filled.any():
        filled = np.ones_like(filled)
    lines = [np.flatnonzero(filled.any(tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    return tuple((int(line[0]), int(line[-1]) + 1) for line in lines)


def int16_if_exact(
    image: Float32[np.ndarray, "channels x y z"],
) -> Int16[Tensor, "channels x y z"] | Float32[Tensor, "channels x y z"]:
    """The same numbers in 16 bits if all are whole and small enough, as scanners make them; else as they are."""
    small = image.astype(np.int16) if np.abs(image).max(initial=0) < 2**15 else None
    return torch.from_numpy(small if small is not None and np.array_equal(small, image) else image)


def labels_as_uint8(labels: Shaped[np.ndarray, "x y z"], path: Path) -> UInt8[np.ndarray, "x y z"]:
    """Labels as bytes, in whatever type the file keeps them.

    Raises:
        UnexpectedMaskValuesError: If they are no whole numbers from 0 to 255.
    """
    with np.errstate(invalid="ignore"):  # numbers that are no bytes are found by the comparison
        small = labels.astype(np.uint8)
    if not np.array_equal(small, labels):
        raise UnexpectedMaskValuesError(path, sorted(set(np.unique(labels).tolist())), "whole numbers from 0 to 255")
    return small


def _read_image(paths: Sequence[Path]) -> tuple[Float32[np.ndarray, "channels x y z"], Geometry]:
    """The files' channels, one after the other, and the geometry of the first."""
    read = [read_nifti(path) for path in paths]
    parts = [values[None] if values.ndim == 3 else np.moveaxis(values, -1, 0) for values, _ in read]
    return np.concatenate(parts).astype(np.float32), read[0][1]


def _check_grids(sample_id: str, files: VolumeFiles) -> None:
    """Refuse files that do not lie over each other, voxel by voxel and millimetre by millimetre."""
    first = read_geometry(files.images[0])
    for path in (*files.images[1:], files.mask):
        other = read_geometry(path)
        if other.shape != first.shape:
            raise SizeMismatchError(sample_id, path.name, other.shape, first.shape)
        # Some tools write an affine in fewer digits; half a voxel tells another place from another rounding.
        if np.abs(_corners_mm(other) - _corners_mm(first)).max() > 0.5 * min(first.voxel_mm):
            raise GridMismatchError(sample_id, path, files.images[0])


def _corners_mm(geometry: Geometry) -> Float64[np.ndarray, "8 4"]:
    """Where the corners of a volume are in space."""
    corners = [[*corner, 1] for corner in product(*((0, side - 1) for side in geometry.shape))]
    return np.array(corners) @ np.array(geometry.affine).T
