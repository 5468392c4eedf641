"""Pictures and masks of datasets, read through the same classes as the images of a prediction."""

from pathlib import Path
from typing import NamedTuple

from jaxtyping import Float, UInt8
from torch import Tensor

from gequnet.data.errors import SizeMismatchError, UnsupportedImageError
from gequnet.data.formats.gzip_file import packed_content
from gequnet.data.formats.image_file import InputSpec
from gequnet.data.formats.orientation import TRANSPOSED_ORIENTATIONS
from gequnet.data.formats.picture_image import Picture
from gequnet.data.formats.raster import Raster
from gequnet.data.formats.tiff import Tiff

PICTURES = frozenset(
    [".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"]
)
"""Endings of the supported formats, in small letters."""

TIFF_MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""First bytes of a TIFF: little and big endian, classic and BigTIFF."""

Channels = UInt8[Tensor, "channels h w"] | Float[Tensor, "channels h w"]


class Header(NamedTuple):
    """Facts of a picture that are known before its values are read.

    Args:
        size: Height and width after the EXIF orientation.
        orientation: EXIF orientation; 1 for none.
    """

    size: tuple[int, int]
    orientation: int

    @property
    def ambiguous(self) -> bool:
        """True if the picture is turned or mirrored, and the size does not tell."""
        height, width = self.size
        return self.orientation != 1 and (self.orientation not in TRANSPOSED_ORIENTATIONS or height == width)


def open_raster(path: Path, spec: InputSpec, content: bytes | None = None) -> Raster:
    """Open a picture of any format; only its headers are read. The content decides the format, not the ending.

    Args:
        path: The file.
        spec: Input of the network.
        content: Bytes of the file, if it is in an archive; ``path`` is then for errors only.

    Raises:
        DataError: If the file cannot be read.
    """
    content = packed_content(path) if content is None else content
    return (Tiff if _is_tiff(path, content) else Picture)(path, spec, content)


def read_picture(
    path: Path,
    channels: int,
    content: bytes | None = None,
    page: int | None = None,
    nodata: tuple[float, ...] = (),
) -> Channels:
    """Read a picture as a viewer shows it: with its EXIF orientation, without transparency.

    Grey becomes equal channels or colour becomes grey, according to ``channels``; other channels must be as many. 8
    bits stay 8 bits. 16 bits become floating point from 0 to 1. Floating point is unchanged.

    Args:
        path: The file.
        channels: 1 for grey, 3 for colour, or any other number of channels of a file.
        content: Bytes of the file, if it is in an archive.
        page: Index of the page; None for a file of one page.
        nodata: Values of pixels without data, in the numbers of the file; they are read as nan.

    Raises:
        DataError: If the file cannot be decoded, has several pages, or does not have these channels.
    """
    with open_raster(path, InputSpec(channels, 2, nodata), content) as raster:
        check_single(raster, page)
        return raster.read(page or 0)


def read_image(path: Path, content: bytes | None = None) -> Channels:
    """Read a colour image, see ``read_picture``."""
    return read_picture(path, 3, content)


def read_grey(path: Path, page: int = 0) -> Channels:
    """Read a page of a grey image, see ``read_picture``."""
    return read_picture(path, 1, page=page)


def check_single(raster: Raster, page: int | None) -> None:
    """Raise an error if a file has several pages and no page is named."""
    if page is None and raster.pages > 1:
        advice = "save each page as a file of its own"
        raise UnsupportedImageError(raster.path, f"has {raster.pages} pages, and one image is expected", advice)


def read_header(path: Path) -> Header:
    """Size and orientation of a picture, without its values."""
    with open_raster(path, InputSpec(1, 2)) as raster:
        height, width = raster.space
        return Header((height, width), raster.orientation)


def picture_size(path: Path) -> tuple[int, int]:
    """Height and width after the EXIF orientation, from the header alone."""
    return read_header(path).size


def page_count(path: Path) -> int:
    """Number of pages of a file; more than one for a TIFF with the slices of a volume."""
    with open_raster(path, InputSpec(1, 2)) as raster:
        return raster.pages


def check_size(sample_id: str, what: str, path: Path, image: Path) -> None:
    """Check from headers that a picture has the size of an image.

    Raises:
        SizeMismatchError: If the sizes differ.
    """
    came, expected = read_header(path), read_header(image)
    if came.size != expected.size:
        turned = came.size == expected.size[::-1] and came.orientation != expected.orientation
        raise SizeMismatchError(sample_id, what, came.size, expected.size, expected.orientation if turned else 1)


def _is_tiff(path: Path, content: bytes | None) -> bool:
    if content is not None:
        return content[:4] in TIFF_MARKS
    try:
        with path.open("rb") as file:
            return file.read(4) in TIFF_MARKS
    except OSError:
        return False
