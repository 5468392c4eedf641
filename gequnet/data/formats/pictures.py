"""Reading of pictures of any common format, bit depth and camera orientation."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import ExifTags, Image, ImageOps
from torch import Tensor

from gequnet.data.formats.picture_files import open_picture

PICTURES = frozenset(
    [".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"]
)
"""Endings of the supported formats, in small letters."""

MAX_16_BIT = 65535
"""Largest value of a 16-bit picture."""

TRANSPOSED_ORIENTATIONS = (5, 6, 7, 8)
"""Values of the EXIF orientation tag that exchange rows and columns."""


def read_picture(path: Path, channels: int) -> UInt8[Tensor, "channels h w"] | Float[Tensor, "channels h w"]:
    """Read a picture as a viewer shows it: with its EXIF orientation, without transparency.

    Grey becomes equal channels or colour becomes grey, according to ``channels``. 8 bits stay 8 bits. 16-bit grey
    becomes floating point from 0 to 1. Floating point is unchanged. 16-bit colours are read as 8 bits.

    Args:
        path: The file.
        channels: 1 for grey, 3 for colour.

    Raises:
        UnreadableFileError: If the file cannot be decoded.
    """
    with open_picture(path) as picture:
        turned = apply_exif_orientation(picture)
        deep = turned.mode.startswith("I") or turned.mode == "F"
        values = np.asarray(turned if deep else turned.convert("RGB" if channels == 3 else "L"))
    if deep:
        grey = values.astype(np.float32) / (1 if values.dtype == np.float32 else MAX_16_BIT)
        return torch.from_numpy(grey).expand(channels, -1, -1).contiguous()
    return torch.from_numpy(np.atleast_3d(values).transpose(2, 0, 1).copy())


def picture_size(path: Path) -> tuple[int, int]:
    """Height and width after the EXIF orientation, from the header alone."""
    with open_picture(path) as picture:
        # Pillow applies the orientation to the size of a TIFF itself.
        lying = picture.format != "TIFF" and picture.getexif().get(ExifTags.Base.Orientation) in TRANSPOSED_ORIENTATIONS
        return (picture.width, picture.height) if lying else (picture.height, picture.width)


def apply_exif_orientation(picture: Image.Image) -> Image.Image:
    """Picture with its EXIF orientation applied."""
    return ImageOps.exif_transpose(picture)
