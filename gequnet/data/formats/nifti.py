"""Reading and writing of NIfTI files, with the geometry that maps labels back to the original file."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Shaped, UInt8

from gequnet.data.errors import UnreadableFileError, UnsupportedImageError
from gequnet.data.formats.gzip_file import check_gzip, check_mark, first_unpacked
from gequnet.data.formats.read_errors import decoding, short_reason, unknown_content
from gequnet.data.transforms.resample_volume import resample_labels

Box = tuple[tuple[int, int], ...]
"""First index along each axis, and the index after the last."""

CORRECTED = 30
"""Level from which nibabel corrects a field of a header by a guess, a voxel of 0 mm to 1 mm, say."""


@dataclass(frozen=True)
class Geometry:
    """Geometry of a scene in its file: orientation, crop and resampling.

    *Upright* means that the first axis runs to the patient's right, the second to the front, the third to the head
    (RAS+), up to permutations and flips of axes: an oblique volume stays oblique. All steps can be inverted, so labels
    overlay the original in any viewer. Only resampling loses information.

    Args:
        shape: Shape of the file's array.
        affine: From the file's voxel indices to millimetres, row by row.
        header: NIfTI header of the file, as bytes.
        box: Part of the upright array in the scene.
    """

    shape: tuple[int, ...]
    affine: tuple[tuple[float, ...], ...]
    header: bytes
    box: Box

    @property
    def orientation(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """File axis of each upright axis, and the upright axes that are then flipped."""
        from nibabel.orientations import io_orientation

        found = io_orientation(np.array(self.affine))
        axes = np.argsort(found[:, 0])
        return tuple(map(int, axes)), tuple(upright for upright, axis in enumerate(axes) if found[axis, 1] < 0)

    @property
    def size(self) -> tuple[int, ...]:
        """Number of voxels of the box along each axis, before resampling."""
        return tuple(last - first for first, last in self.box)

    @property
    def voxel_mm(self) -> tuple[float, ...]:
        """Millimetres per voxel along each upright axis, before resampling."""
        lengths = np.linalg.norm(np.array(self.affine)[:3, :3], axis=0)
        return tuple(float(lengths[axis]) for axis in self.orientation[0])

    def spacing(self, space: Sequence[int]) -> tuple[float, ...]:
        """Millimetres per voxel after resampling the box to ``space`` voxels."""
        return tuple(mm * size / side for mm, size, side in zip(self.voxel_mm, self.size, space, strict=True))

    def upright(self, array: Shaped[np.ndarray, "..."]) -> Shaped[np.ndarray, "..."]:
        """Array ``[..., *shape]`` of the file, upright and cropped: ``[..., *size]``."""
        axes, flips = self.orientation
        turned = np.moveaxis(array, [axis - 3 for axis in axes], [-3, -2, -1])
        turned = np.flip(turned, tuple(axis - 3 for axis in flips))
        return np.ascontiguousarray(_window(turned, self.box))

    def restore(self, labels: UInt8[np.ndarray, "..."]) -> UInt8[np.ndarray, "..."]:
        """Labels ``[..., *space]`` of the scene on the grid of the file, ``[..., *shape]``; 0 outside the box.

        After resampling, a voxel gets the label with the largest share of it. Otherwise labels are unchanged.
        """
        axes, _ = self.orientation
        turned = np.zeros((*labels.shape[:-3], *(self.shape[axis] for axis in axes)), np.uint8)
        _window(turned, self.box)[...] = resample_labels(labels, self.size)
        return np.ascontiguousarray(self.in_file(turned))

    def in_file(self, values: Shaped[np.ndarray, "..."]) -> Shaped[np.ndarray, "..."]:
        """View of an upright array ``[..., *space]`` of the whole volume with the file's axes, ``[..., *shape]``."""
        axes, flips = self.orientation
        return np.moveaxis(np.flip(values, tuple(axis - 3 for axis in flips)), [-3, -2, -1], [a - 3 for a in axes])


def read_nifti(path: Path) -> tuple[Shaped[np.ndarray, "..."], Geometry]:
    """Array of a NIfTI file with its own axes and unit, and its geometry, with the whole volume as the box.

    Args:
        path: ``.nii`` or ``.nii.gz``.

    Returns:
        The array, with three axes of space and a fourth of channels if there are several, and the geometry.

    Raises:
        UnreadableFileError: If the file is damaged, or its axes are not three different ones of space.
    """
    image = _opened(path)
    check_gzip(path)
    with decoding(path):
        values = np.asarray(image.dataobj)
    return values[..., 0] if values.ndim == 4 and values.shape[3] == 1 else values, _geometry(image)


def open_nifti(path: Path) -> tuple[Any, Geometry]:
    """Image of nibabel, of which only the header has been read, and its geometry.

    Raises:
        UnreadableFileError: As ``read_nifti``.
    """
    image = _opened(path)
    return image, _geometry(image)


def read_geometry(path: Path) -> Geometry:
    """Geometry of a NIfTI file, from its header alone.

    Raises:
        UnreadableFileError: As ``read_nifti``.
    """
    return _geometry(_opened(path))


def write_labels(path: Path, labels: UInt8[np.ndarray, "x y z"], geometry: Geometry) -> None:
    """Write labels of a scene as a NIfTI file that overlays the original.

    Affine, units and all other spatial fields of the header are those of the original.

    Args:
        path: ``.nii`` or ``.nii.gz``; its folder is made.
        labels: ``[*space]``, class indices.
        geometry: Geometry of the scene.
    """
    write_values(path, geometry.restore(labels), geometry)


def write_values(
    path: Path, values: UInt8[np.ndarray, "... x y z"] | Float32[np.ndarray, "... x y z"], geometry: Geometry
) -> None:
    """Write an array on the grid of a file, ``[*shape]``, or several, ``[K, *shape]``, as the fourth axis.

    Args:
        path: ``.nii`` or ``.nii.gz``; its folder is made.
        values: Labels or probabilities; may be a memory map larger than the memory.
        geometry: Geometry of the original file.
    """
    import nibabel

    header = nibabel.Nifti1Header(geometry.header)
    header.set_data_dtype(values.dtype)
    header["cal_min"] = header["cal_max"] = 0  # the display window of the image would hide labels
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.moveaxis(values, 0, -1) if values.ndim == 4 else values
    nibabel.save(nibabel.Nifti1Image(values, np.array(geometry.affine), header), path)


def _opened(path: Path) -> Any:
    """Image of nibabel, of which only the header has been read."""
    import nibabel
    from nibabel.filebasedimages import ImageFileError
    from nibabel.imageglobals import ErrorLevel
    from nibabel.spatialimages import HeaderDataError

    logging.getLogger("nibabel.global").setLevel(logging.CRITICAL)  # an error of ours says it in one sentence
    with decoding(path), ErrorLevel(CORRECTED):
        check_mark(path)
        try:
            image: Any = nibabel.load(path)
        except ImageFileError:
            check_gzip(path)
            raise unknown_content(path, first_unpacked(path)) from None
        except HeaderDataError as error:
            raise UnreadableFileError(path, short_reason(error)) from error
        shape, dtype = image.shape, image.get_data_dtype()
    if dtype.fields is not None or dtype.kind not in "biuf":
        came = "holds colours" if dtype.fields else f"holds values of the type {dtype}"
        raise UnsupportedImageError(path, came, "save one real number for each voxel, or each channel as a fourth axis")
    if len(shape) not in (3, 4) or min(shape) < 1:
        raise UnsupportedImageError(path, f"has {_times(shape)} voxels, which is no volume", "save three axes of space")
    if image.affine is None or not np.isfinite(image.affine).all() or np.linalg.matrix_rank(image.affine) < 4:
        raise UnsupportedImageError(path, "has an affine that is degenerate", "save it with the right affine")
    return image


def _geometry(image: Any) -> Geometry:
    import nibabel

    header = nibabel.Nifti1Header.from_header(image.header).binaryblock
    affine: Float[np.ndarray, "4 4"] = image.affine
    whole = Geometry(tuple(image.shape[:3]), tuple(tuple(map(float, row)) for row in affine), header, ())
    return replace(whole, box=tuple((0, whole.shape[axis]) for axis in whole.orientation[0]))


def _window(array: Shaped[np.ndarray, "..."], box: Box) -> Shaped[np.ndarray, "..."]:
    """View of the last three axes inside the box."""
    (a, b), (c, d), (e, f) = box
    return array[..., a:b, c:d, e:f]


def _times(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))
