"""Volumes as NIfTI files: read upright, written back over the file that they came from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped, UInt8

from gequnet.data.errors import UnreadableFileError
from gequnet.data.volume_resample import resample_labels

Box = tuple[tuple[int, int], ...]
"""First and last index, the last one excluded, along each axis."""


@dataclass(frozen=True)
class Geometry:
    """How a scene lies in its file: turned upright, perhaps cropped to a box, perhaps resampled.

    *Upright* means that the first axis runs to the patient's right, the second to the front, the third to the head
    (RAS+), as nearly as whole axes can: an oblique volume stays oblique. All of it can be undone, so that labels
    overlay the original in any viewer; nothing is lost but what resampling loses.

    Args:
        shape: Of the file's array.
        affine: From the file's voxel indices to millimetres, row by row.
        header: The file's NIfTI header, byte by byte.
        box: Which part of the upright array the scene shows.
    """

    shape: tuple[int, ...]
    affine: tuple[tuple[float, ...], ...]
    header: bytes
    box: Box

    @property
    def orientation(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Which axis of the file becomes each upright axis, and which upright axes are flipped."""
        from nibabel.orientations import io_orientation

        found = io_orientation(np.array(self.affine))
        axes = np.argsort(found[:, 0])
        return tuple(map(int, axes)), tuple(upright for upright, axis in enumerate(axes) if found[axis, 1] < 0)

    @property
    def size(self) -> tuple[int, ...]:
        """Voxels of the box along each axis, before resampling."""
        return tuple(last - first for first, last in self.box)

    @property
    def voxel_mm(self) -> tuple[float, ...]:
        """Millimetres per voxel along each upright axis, before resampling."""
        lengths = np.linalg.norm(np.array(self.affine)[:3, :3], axis=0)
        return tuple(float(lengths[axis]) for axis in self.orientation[0])

    def spacing(self, space: Sequence[int]) -> tuple[float, ...]:
        """Millimetres per voxel where the box is shown with ``space`` voxels: what it measures does not change."""
        return tuple(mm * size / side for mm, size, side in zip(self.voxel_mm, self.size, space, strict=True))

    def upright(self, array: Shaped[np.ndarray, "..."]) -> Shaped[np.ndarray, "..."]:
        """An array ``[..., *shape]`` of the file, upright and cropped: ``[..., *size]``."""
        axes, flips = self.orientation
        turned = np.moveaxis(array, [axis - 3 for axis in axes], [-3, -2, -1])
        turned = np.flip(turned, [axis - 3 for axis in flips])
        return np.ascontiguousarray(turned[(..., *(slice(*side) for side in self.box))])

    def restore(self, labels: UInt8[np.ndarray, "..."]) -> UInt8[np.ndarray, "..."]:
        """Labels ``[..., *space]`` of the scene on the grid of the file, ``[..., *shape]``; 0 outside the box.

        Where the scene was resampled each voxel gets the label that most of it shows; else not a voxel changes.
        """
        axes, flips = self.orientation
        shown = resample_labels(labels, self.size)
        uprighted = np.zeros((*labels.shape[:-3], *(self.shape[axis] for axis in axes)), labels.dtype)
        uprighted[(..., *(slice(*side) for side in self.box))] = shown
        turned = np.flip(uprighted, [axis - 3 for axis in flips])
        return np.ascontiguousarray(np.moveaxis(turned, [-3, -2, -1], [axis - 3 for axis in axes]))


def read_nifti(path: Path) -> tuple[Shaped[np.ndarray, "*shape"], Geometry]:
    """The array of a NIfTI file as it lies there, in its own unit, and its geometry, with the whole of it as the box.

    Args:
        path: ``.nii`` or ``.nii.gz``; three axes of space, perhaps one more for channels.

    Raises:
        UnreadableFileError: If the file is damaged, has no three axes, or its affine puts two of them into one.
    """
    import nibabel

    try:
        image: Any = nibabel.load(path)
        values = np.asarray(image.dataobj)
    except (OSError, EOFError, ValueError, nibabel.filebasedimages.ImageFileError) as error:
        raise UnreadableFileError(path, str(error).split("\n")[0] or type(error).__name__) from error
    while values.ndim > 3 and values.shape[-1] == 1:
        values = values[..., 0]
    if values.ndim not in (3, 4) or image.affine is None or abs(np.linalg.det(image.affine[:3, :3])) < 1e-9:
        raise UnreadableFileError(path, f"an array of {values.ndim} axes that are no three axes of space")
    return values, _geometry(values.shape[:3], image.affine, nibabel.Nifti1Header.from_header(image.header).binaryblock)


def write_labels(path: Path, labels: UInt8[np.ndarray, "..."], geometry: Geometry) -> None:
    """Write labels ``[*space]`` of a scene as a NIfTI file that overlays the scene's own.

    Affine, units and what else the header says of space are those of the file.

    Args:
        path: ``.nii`` or ``.nii.gz``; folders are made.
        labels: Class indices.
        geometry: The scene's.
    """
    import nibabel

    header = nibabel.Nifti1Header(geometry.header)
    header.set_data_dtype(np.uint8)
    header["cal_min"] = header["cal_max"] = 0  # the window of the image's intensities, in which labels are not seen
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(geometry.restore(labels), np.array(geometry.affine), header), path)


def _geometry(shape: Sequence[int], affine: Float[np.ndarray, "4 4"], header: bytes) -> Geometry:
    rows = tuple(tuple(map(float, row)) for row in affine)
    whole = Geometry(tuple(shape), rows, header, ())
    axes, _ = whole.orientation
    return Geometry(whole.shape, rows, header, tuple((0, shape[axis]) for axis in axes))
