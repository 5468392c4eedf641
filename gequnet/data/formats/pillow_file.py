"""Pictures opened with Pillow: exact values or a refusal, with errors that name the file."""

import io
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import Shaped, UInt8
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from gequnet.data.errors import DataError, UnreadableFileError, UnsupportedImageError
from gequnet.data.formats.read_errors import decoding, first_bytes, unknown_content

MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "I", "I;16", "I;16B", "F")
"""Modes of Pillow that hold the values of a file unchanged."""

MANY_PIXELS, PIXELS_PER_BYTE = 2**27, 10_000
"""More pixels than the first, and more of them in a byte than the second, are those of a damaged header: no compression
but that of a picture of one colour holds as many."""

PNG, JP2 = b"\x89PNG\r\n\x1a\n", b"\x00\x00\x00\x0cjP  "


@contextmanager
def open_picture(path: Path, content: bytes | None = None, unknown: DataError | None = None) -> Iterator[Image.Image]:
    """Open a picture with Pillow.

    Args:
        path: The file.
        content: Bytes of the file, if it is in an archive or compressed; ``path`` is then for the error only.
        unknown: Error for a file that Pillow does not know; None for one by its first bytes.

    Raises:
        UnreadableFileError: Pillow raised an exception, also inside of the block.
        NotAnImageError: The content is of no format that Pillow knows.
        UnsupportedImageError: Pillow would change the values.
    """
    with decoding(path), _pictures_of_any_size():
        start = first_bytes(path, content)
        try:
            with Image.open(path if content is None else io.BytesIO(content)) as picture:
                _refuse_empty_size(picture, path.stat().st_size if content is None else len(content), path)
                _refuse_changed_values(picture, start, path)
                yield picture
        except UnidentifiedImageError:
            raise (unknown or unknown_content(path, start)) from None


def check_png(path: Path, content: bytes | None) -> None:
    """Check the checksums of a PNG, which Pillow leaves out for pixels; nothing for other formats.

    Raises:
        UnreadableFileError: If a checksum does not fit.
    """
    if content is None:
        if first_bytes(path)[:8] != PNG:
            return
        content = path.read_bytes()
    place = 8 if content[:8] == PNG else len(content)
    while place + 12 <= len(content):
        (length,) = struct.unpack(">I", content[place : place + 4])
        end = place + 8 + length
        if content[end : end + 4] != struct.pack(">I", zlib.crc32(content[place + 4 : end])):
            raise UnreadableFileError(path, "a checksum does not fit")
        if content[place + 4 : place + 8] == b"IEND":
            return
        place = end + 4


def values_of(picture: Image.Image) -> Shaped[np.ndarray, "c h w"]:
    """Values of the file, ``[C, H, W]``: numbers of a palette, and bits as 0 and 1."""
    values = np.asarray(picture.convert("RGBA") if picture.mode == "PA" else picture)
    return np.atleast_3d(values).transpose(2, 0, 1).copy()


def palette_of(picture: Image.Image) -> UInt8[np.ndarray, "n 3"] | None:
    """Colours of the palette; None without one."""
    if picture.mode != "P":
        return None
    colours = np.array(picture.getpalette("RGB"), np.uint8).reshape(-1, 3)
    return np.concatenate([colours, np.zeros((256 - len(colours), 3), np.uint8)])


def has_transparent_pixels(picture: Image.Image) -> bool:
    """True if a pixel is not opaque."""
    if not picture.has_transparency_data:
        return False
    return bool(np.asarray(picture.convert("RGBA").getchannel("A")).min() < 255)


def upright(picture: Image.Image) -> Image.Image:
    """Picture with its EXIF orientation applied."""
    return ImageOps.exif_transpose(picture)


def orientation_of(picture: Image.Image) -> int:
    """EXIF orientation, 1 for none; Pillow applies that of a TIFF itself."""
    if picture.format == "TIFF":
        return 1
    return int(picture.getexif().get(ExifTags.Base.Orientation) or 1)


def grey_step(start: bytes) -> int:
    """Factor by which Pillow multiplies the grey levels of a PNG with 2 or 4 bits; 1 for any other file.

    >>> grey_step(b""), grey_step(PNG + bytes(16) + bytes([4, 0]))
    (1, 17)
    """
    depth, kind = start[24:26] if start[:8] == PNG and len(start) > 25 else (8, 0)
    return 255 // (2**depth - 1) if kind == 0 and depth in (2, 4) else 1


@contextmanager
def _pictures_of_any_size() -> Iterator[None]:
    """Lift the limit of Pillow, which refuses very large pictures as an attack; these were named by the user."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _refuse_empty_size(picture: Image.Image, size: int, path: Path) -> None:
    """Refuse a size that a damaged header gives, before memory is taken for it."""
    pixels = picture.width * picture.height
    if pixels > max(MANY_PIXELS, PIXELS_PER_BYTE * size):
        came = f"{size} bytes do not hold the {picture.height}x{picture.width} pixels of its header"
        raise UnreadableFileError(path, came)


def _refuse_changed_values(picture: Image.Image, start: bytes, path: Path) -> None:
    if picture.mode not in MODES:
        raise UnsupportedImageError(path, f"has pixels of the kind {picture.mode}", "save it in grey or RGB")
    if picture.format == "PNG" and start[24] == 16 and start[25] != 0:
        raise UnsupportedImageError(path, "has colours of 16 bits, of which a PNG is read with 8", "save it as a TIFF")
    if picture.format == "PPM":
        _refuse_scaled_levels(start, path)
    bits = _bits_of_jp2(start) or 8
    if bits != 8 and (bits != 16 or not picture.mode.startswith("I")):
        raise UnsupportedImageError(path, f"has {bits} bits for each value", "save it as a TIFF")


def _refuse_scaled_levels(start: bytes, path: Path) -> None:
    """Refuse a PGM or PPM whose greatest level is not that of its type, as Pillow multiplies its levels."""
    fields = re.sub(rb"#[^\n]*", b"", start[:512]).split()[:4]
    if fields and fields[0] in (b"P2", b"P3", b"P5", b"P6") and len(fields) > 3:
        levels = int(fields[3])
        if levels != 255 and not (levels == 65535 and fields[0] in (b"P2", b"P5")):
            advice = "save it as a PNG or as a TIFF"
            raise UnsupportedImageError(path, f"has levels from 0 to {levels}, which would be changed", advice)


def _bits_of_jp2(start: bytes) -> int | None:
    place = start.find(b"ihdr")
    return (start[place + 14] & 127) + 1 if start[: len(JP2)] == JP2 and 0 < place < len(start) - 15 else None
