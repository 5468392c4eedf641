"""DICOM series: the slices of one volume, one per file, in any order and with any names."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, Shaped

from gequnet.config.extras import optional_imports
from gequnet.data.errors import DataError, UnreadableFileError
from gequnet.data.formats.exact_float32 import as_float32
from gequnet.data.formats.image_file import InputSpec, Window
from gequnet.data.formats.nifti import Geometry
from gequnet.data.formats.read_errors import DECODE_ERRORS, decoding, read_error
from gequnet.data.formats.volume_image import Volume

SPACING_TOLERANCE = 0.1
"""Tolerance of slice distances, as a fraction of the median distance; beyond it a slice is missing."""
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""Map from DICOM's axes (millimetres to the patient's left and back) to NIfTI's (to the right and front)."""
REQUIRED_TAGS = ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "Rows", "Columns"]


class SeriesError(DataError):
    """Files that are not the slices of one volume."""

    def __init__(self, path: Path, reason: str, advice: str) -> None:
        super().__init__(f"{path} is not one DICOM series of slices: {reason}; {advice}.")


@dataclass(frozen=True)
class DicomSlice:
    """Path and header of one slice."""

    path: Path
    header: Any

    @property
    def axes(self) -> Float64[np.ndarray, "2 3"]:
        """Unit vectors along a row and along a column."""
        return np.array(self.header.ImageOrientationPatient, float).reshape(2, 3)

    @property
    def corner_mm(self) -> Float64[np.ndarray, " 3"]:
        """Centre of the first pixel, in millimetres."""
        return np.array(self.header.ImagePositionPatient, float)

    @property
    def height_mm(self) -> float:
        """Position along the normal of the slice, in millimetres."""
        return float(np.cross(*self.axes) @ self.corner_mm)


class Dicom(Volume):
    """DICOM series, sorted by position along the slice normal, with rescaled values (Hounsfield units, say).

    Its masks are written as NIfTI files with the affine of the series in NIfTI's axes, so viewers overlay the two.

    Args:
        path: The folder, or the only file.
        files: Files of the series; those that are no slices (a ``DICOMDIR``, a report) are skipped.
        spec: Input of the network.

    Raises:
        SeriesError: If there are several series, missing slices, or slices of different sizes or directions.
        UnreadableFileError: If there is no slice among the files.
    """

    def __init__(self, path: Path, files: Sequence[Path], spec: InputSpec) -> None:
        found = [header for header in map(_header, files) if header is not None]
        if not found:
            raise UnreadableFileError(path, "there is no DICOM slice in it")
        _check_one_series(path, found)
        self.slices = sorted(found, key=lambda each: each.height_mm)
        affine = affine_of(path, self.slices)
        rows, columns = int(found[0].header.Rows), int(found[0].header.Columns)
        shape = (columns, rows, len(found))
        super().__init__(path, spec, _geometry(shape, affine), 1, np.dtype(np.float32))

    def _upright(self, window: Window) -> Shaped[np.ndarray, "channels x y z"]:
        volume = np.stack([_pixels(each.path).T for each in self.slices], axis=-1)
        return self.geometry.upright(volume)[(None, *window)]


def affine_of(path: Path, slices: Sequence[DicomSlice]) -> Float64[np.ndarray, "4 4"]:
    """Affine from (column, row, slice) to millimetres to the right, front and head.

    Args:
        path: Path of the series, for the error.
        slices: Sorted slices.

    Raises:
        SeriesError: If the distances of the slices differ.
    """
    first, last = slices[0], slices[-1]
    down, across = map(float, first.header.PixelSpacing)
    normal = np.cross(*first.axes)
    step = normal * float(first.header.get("SpacingBetweenSlices") or first.header.get("SliceThickness") or 1)
    if len(slices) > 1:
        steps = np.diff([each.height_mm for each in slices])
        usual = float(np.median(steps))
        if steps.min() < 1e-3:
            again = slices[int(steps.argmin()) + 1].path.name
            raise SeriesError(
                path, f"{again} has the position of another slice", "give the files of one acquisition only"
            )
        if np.abs(steps - usual).max() > SPACING_TOLERANCE * usual:
            hole = int(np.abs(steps - usual).argmax())
            between = f"between {slices[hole].path.name} and {slices[hole + 1].path.name} it is {steps[hole]:g} mm"
            raise SeriesError(path, f"slices are {usual:g} mm apart and {between}", "add the files that are missing")
        step = (last.corner_mm - first.corner_mm) / (len(slices) - 1)
    affine = np.eye(4)
    affine[:3] = np.stack([first.axes[0] * across, first.axes[1] * down, step, first.corner_mm], axis=1)
    return LPS_TO_RAS @ affine


def is_dicom(path: Path) -> bool:
    """True if the file has the mark of DICOM: ``DICM`` after 128 bytes."""
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _header(path: Path) -> DicomSlice | None:
    with optional_imports():
        import pydicom
        from pydicom.errors import InvalidDicomError

    try:
        header = pydicom.dcmread(path, stop_before_pixels=True)
    except InvalidDicomError:
        return None
    except DECODE_ERRORS as error:
        raise read_error(path, error) from error
    if "Rows" not in header:
        return None  # a directory or a report
    return DicomSlice(path, header)


def _check_one_series(path: Path, slices: Sequence[DicomSlice]) -> None:
    series = {str(each.header.get("SeriesInstanceUID")) for each in slices}
    if len(series) > 1:
        names = sorted({str(each.header.get("SeriesDescription") or "without a name") for each in slices})
        raise SeriesError(
            path, f"there are {len(series)} ({', '.join(names[:6])})", "put each into a folder of its own"
        )
    for each in slices:
        lacks = [fact for fact in REQUIRED_TAGS if each.header.get(fact) is None]
        if lacks:
            raise SeriesError(path, f"{each.path.name} has no {lacks[0]}", "export the slices with headers")
        if int(each.header.get("NumberOfFrames") or 1) > 1 or int(each.header.get("SamplesPerPixel", 1)) > 1:
            raise SeriesError(
                path, f"{each.path.name} holds several slices, or colours", "export it as grey slices, one a file"
            )
    first = slices[0]
    for each in slices:
        facts = [(each.header.Rows, each.header.Columns, *each.header.PixelSpacing) for each in (first, each)]
        if not np.allclose(facts[0], facts[1]) or not np.allclose(first.axes, each.axes, atol=1e-3):
            other = f"{each.path.name} has another size or direction than {first.path.name}"
            raise SeriesError(path, other, "leave out what does not belong")


def _pixels(path: Path) -> Shaped[np.ndarray, "rows columns"]:
    with optional_imports():
        import pydicom
        from pydicom.pixels import apply_rescale

    with decoding(path):
        dataset = pydicom.dcmread(path)
        return as_float32(apply_rescale(dataset.pixel_array, dataset), path, complete=False)


def _geometry(shape: tuple[int, int, int], affine: Float64[np.ndarray, "4 4"]) -> Geometry:
    import nibabel

    header = nibabel.Nifti1Header()
    header.set_data_shape(shape)
    header.set_zooms(np.linalg.norm(affine[:3, :3], axis=0))
    header.set_sform(affine, code="scanner")
    header.set_qform(affine, code="scanner")
    header.set_xyzt_units("mm")
    rows = tuple(tuple(map(float, row)) for row in affine)
    whole = Geometry(shape, rows, header.binaryblock, ())
    return Geometry(shape, rows, header.binaryblock, tuple((0, shape[axis]) for axis in whole.orientation[0]))
