"""Detection of the format of an image file, and opening of any format."""

from collections.abc import Sequence
from pathlib import Path

from gequnet.data.errors import NotAnImageError
from gequnet.data.formats.dicom import Dicom, is_dicom
from gequnet.data.formats.image_file import ImageFile, InputSpec
from gequnet.data.formats.nifti_image import Nifti
from gequnet.data.formats.picture_image import Picture
from gequnet.data.formats.pictures import PICTURES, open_raster
from gequnet.data.formats.raster import check_channels
from gequnet.data.formats.tiff import Tiff

NIFTI = (".nii", ".nii.gz")
DICOM = (".dcm", ".dicom", ".ima")
TIFFS = (".tif", ".tiff", ".btf", ".tf8")
ENDINGS = (*sorted(PICTURES | set(TIFFS)), *NIFTI, *DICOM)
"""Endings of image files, in small letters; DICOM files may have none."""


def ending_of(path: Path) -> str:
    """Ending in small letters, with ``.nii.gz`` as one; empty if it is not in ``ENDINGS``.

    >>> ending_of(Path("a.b.NII.gz")), ending_of(Path("report.pdf"))
    ('.nii.gz', '')
    """
    name = path.name.lower()
    return next((ending for ending in sorted(ENDINGS, key=len, reverse=True) if name.endswith(ending)), "")


def format_of(path: Path) -> type[ImageFile] | None:
    """Class for a file, by its ending or, without an ending, by its first bytes; None if it is no image.

    >>> format_of(Path("slices.ome.TIF")), format_of(Path("table.csv"))
    (<class 'gequnet.data.formats.tiff.Tiff'>, None)
    """
    ending = ending_of(path)
    if ending in NIFTI:
        return Nifti
    if ending in DICOM or (not path.suffix and is_dicom(path)):
        return Dicom
    return Tiff if ending in TIFFS else Picture if ending else None


def open_image(files: Path | Sequence[Path], spec: InputSpec, path: Path | None = None) -> ImageFile:
    """Open an image; only its headers are read.

    Args:
        files: The file; the slices of a DICOM series; or NIfTI files with one channel each.
        spec: Input of the network.
        path: Path of a series for errors, usually a folder.

    Raises:
        DataError: If the image cannot be read or does not fit the network.
    """
    files = [files] if isinstance(files, Path) else list(files)
    kind = format_of(files[0])
    if kind is Dicom:
        return Dicom(path or files[0], files, spec)
    if kind is Nifti:
        return Nifti(files, spec)
    if kind is None:
        raise NotAnImageError(files[0], "a file whose ending is not known")
    raster = open_raster(files[0], spec)
    if kind is Picture:
        check_channels(raster.channels, spec, files[0], raster.coloured)
    return raster
