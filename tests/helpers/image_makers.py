"""Tiny image files of each format, encoded like those of cameras, microscopes and scanners."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

OBLIQUE = np.array([[0.8, 0.6, 0.0], [-0.6, 0.8, 0.0]])
"""Where rows and columns run, in DICOM's axes: turned about the body's."""


def noise(*shape: int, dtype: type = np.uint8, seed: int = 0) -> np.ndarray:
    """Random values over most of the range of a type."""
    draw = np.random.default_rng(seed)
    if dtype is np.bool_:
        return draw.random(shape) > 0.5
    if np.issubdtype(dtype, np.floating):
        return draw.standard_normal(shape).astype(dtype)
    return draw.integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


def make_series(
    folder: Path,
    volume: np.ndarray,
    axes: np.ndarray = OBLIQUE,
    corner: Sequence[float] = (-20.0, 11.5, 100.0),
    voxel_mm: Sequence[float] = (0.75, 0.5, 2.0),
    uid: str = "",
) -> list[Path]:
    """Write a CT [slices, rows, columns] as a DICOM series; the order of the file names is not that of the positions.

    Args:
        folder: Target folder.
        volume: Whole numbers in Hounsfield units.
        axes: Unit vectors along rows and columns.
        corner: Centre of the first pixel of the first slice, in mm.
        voxel_mm: Distances between columns, rows and slices, in mm.
        uid: UID of the series.
    """
    folder.mkdir(parents=True, exist_ok=True)
    uid = uid or generate_uid(entropy_srcs=[str(folder)])
    across, down, step = voxel_mm
    paths = []
    for number in np.random.default_rng(1).permutation(len(volume)):
        path = folder / f"IM{(7 * int(number)) % 97:04d}"
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = CTImageStorage, ExplicitVRLittleEndian
        meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[uid, str(number)])
        slice_ = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
        slice_.SOPClassUID, slice_.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
        slice_.SeriesInstanceUID, slice_.Modality, slice_.InstanceNumber = uid, "CT", int(number) + 1
        slice_.ImageOrientationPatient = [float(value) for value in axes.ravel()]
        place = np.array(corner) + number * step * np.cross(*axes)
        slice_.ImagePositionPatient = [float(value) for value in place]
        slice_.PixelSpacing, slice_.SliceThickness = [down, across], step
        slice_.Rows, slice_.Columns, slice_.SamplesPerPixel = *volume.shape[1:], 1
        slice_.BitsAllocated, slice_.BitsStored, slice_.HighBit, slice_.PixelRepresentation = 16, 16, 15, 0
        slice_.PhotometricInterpretation = "MONOCHROME2"
        slice_.RescaleSlope, slice_.RescaleIntercept = 0.5, -1024
        slice_.PixelData = ((volume[number] + 1024) * 2).astype("<u2").tobytes()
        pydicom.dcmwrite(path, slice_, enforce_file_format=True)
        paths.append(path)
    return paths
