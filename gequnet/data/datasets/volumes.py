"""Base class of the volume datasets: aligned NIfTI files, turned upright, cropped and resampled."""

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
from gequnet.data.formats.exact_float32 import as_float32
from gequnet.data.formats.mask_values import shares_of
from gequnet.data.formats.nifti import Geometry, read_geometry, read_nifti
from gequnet.data.nodata import Nodata, measured, nodata_values
from gequnet.data.scene import Scene
from gequnet.data.source import SPLITS, Source
from gequnet.data.transforms.resample_volume import resample_image, resample_labels, size_at
from gequnet.errors import ConfigError

Millimetres = int | float | Sequence[int | float]
"""One length for all axes, or one each for the axes right, front and head."""


@dataclass(frozen=True)
class VolumeFiles:
    """Files of one scene.

    Args:
        images: One file for each channel, or one file for all.
        mask: The labels.
    """

    images: tuple[Path, ...]
    mask: Path


class VolumeSource(Source):
    """Volumes with labels as NIfTI files, turned upright, and cropped and resampled on request.

    A voxel is valid if it is finite in every channel. After resampling, the label of a voxel is the one with the
    largest share of it.

    Args:
        root: The folder that holds the dataset's folder, or the dataset's folder itself.
        spacing: Sides of a voxel; None keeps those of the file. A volume is a whole number of voxels long, so the
            result differs a little; ``Scene.spacing`` is exact.
        cubic: Interpolate intensities by cubics instead of linearly.
        crop: Crop a volume to the box of voxels that are not 0 in some channel.
        cache: Folder of cached scenes, see ``SceneFiles``; None for no cache.
        nodata: Value or values of voxels without data, which are not valid and count as 0.

    Raises:
        ConfigError: If the spacing is not one or three positive numbers.
    """

    def __init__(
        self,
        root: str | Path,
        spacing: Millimetres | None = None,
        cubic: bool = False,
        crop: bool = False,
        cache: str | Path | None = None,
        nodata: Nodata = None,
    ) -> None:
        self.nodata = nodata_values(nodata)
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
        """Expected paths of the files of one volume."""

    @abstractmethod
    def mask_of(self, labels: UInt8[np.ndarray, "x y z"], path: Path) -> UInt8[np.ndarray, "..."]:
        """Mask, ``[*space]`` or ``[K, *space]``, from the labels of a file.

        Raises:
            UnexpectedMaskValuesError: If there are labels that the dataset does not have.
        """

    def labels_of(self, mask: UInt8[np.ndarray, "..."]) -> UInt8[np.ndarray, "x y z"]:
        """Labels of a file for this mask: the inverse of ``mask_of``."""
        return mask

    def load(self, sample_id: str) -> Scene:
        """Preprocessed volume, from the cache if there is one."""
        files = self.files(sample_id)
        if self.cache is None:
            return self._make(sample_id, files)
        settings = (type(self).__name__, sample_id, self.spacing, self.cubic, self.crop, self.nodata)
        return self.cache.scene([*files.images, files.mask], settings, lambda: self._make(sample_id, files))

    def check(self) -> None:
        """Check from headers that every file of every split exists and that the files of a scene are aligned."""
        for sample_id in (sample_id for split in SPLITS for sample_id in self.ids(split)):
            for error in self.missing(sample_id):
                raise error
            _check_grids(sample_id, self.files(sample_id))

    def missing(self, sample_id: str) -> list[DataError]:
        """Errors for the files of this scene that are missing."""
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
        finite = int(np.isfinite(image).all(0).sum())
        valid = measured(torch.from_numpy(image), self.nodata).numpy()
        image = np.where(valid, image, np.float32(0))
        if self.crop:
            geometry = replace(geometry, box=nonzero_box(geometry.upright(image)))
        space = geometry.size if self.spacing is None else size_at(geometry.size, geometry.voxel_mm, self.spacing)
        shown = resample_image(geometry.upright(image), space, order=3 if self.cubic else 1)
        return Scene(
            sample_id,
            int16_if_exact(shown),
            torch.from_numpy(resample_labels(geometry.upright(mask), space)),
            torch.from_numpy(resample_labels(geometry.upright(valid.astype(np.uint8)), space)).bool(),
            spacing=geometry.spacing(space),
            geometry=geometry,
            not_finite=valid.size - finite,
        )


def nonzero_box(image: Shaped[np.ndarray, "channels x y z"]) -> tuple[tuple[int, int], ...]:
    """Smallest box with every voxel that is not 0 in some channel; the whole volume if all are 0.

    >>> nonzero_box(np.pad(np.ones((2, 1, 2, 3)), [(0, 0), (1, 0), (0, 4), (2, 2)]))
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
    """Values as int16 if all are whole and small enough, as most scanners make them; else unchanged."""
    small = image.astype(np.int16) if np.abs(image).max(initial=0) < 2**15 else None
    return torch.from_numpy(small if small is not None and np.array_equal(small, image) else image)


def labels_as_uint8(labels: Shaped[np.ndarray, "x y z"], path: Path) -> UInt8[np.ndarray, "x y z"]:
    """Labels as uint8, from any type of file.

    Raises:
        UnexpectedMaskValuesError: If they are not whole numbers from 0 to 255.
    """
    with np.errstate(invalid="ignore"):  # the comparison below finds values that do not fit
        small = labels.astype(np.uint8)
    if not np.array_equal(small, labels):
        raise UnexpectedMaskValuesError(path, shares_of(labels), "whole numbers from 0 to 255", "save class numbers")
    return small


def _read_image(paths: Sequence[Path]) -> tuple[Float32[np.ndarray, "channels x y z"], Geometry]:
    """Concatenated channels of the files, and the geometry of the first."""
    read = [read_nifti(path) for path in paths]
    parts = [values[None] if values.ndim == 3 else np.moveaxis(values, -1, 0) for values, _ in read]
    return np.concatenate([as_float32(part, path) for part, path in zip(parts, paths, strict=True)]), read[0][1]


def _check_grids(sample_id: str, files: VolumeFiles) -> None:
    """Raise an error if the files of a scene differ in shape or lie in different places in space."""
    first = read_geometry(files.images[0])
    for path in (*files.images[1:], files.mask):
        other = read_geometry(path)
        if other.shape != first.shape:
            raise SizeMismatchError(sample_id, path.name, other.shape, first.shape)
        # Some tools round an affine; half a voxel is more than rounding and less than another place.
        if np.abs(_corners_mm(other) - _corners_mm(first)).max() > 0.5 * min(first.voxel_mm):
            raise GridMismatchError(sample_id, path, files.images[0])


def _corners_mm(geometry: Geometry) -> Float64[np.ndarray, "8 4"]:
    """Coordinates of the corners of a volume in space, in millimetres."""
    corners = [[*corner, 1] for corner in product(*((0, side - 1) for side in geometry.shape))]
    return np.array(corners) @ np.array(geometry.affine).T
