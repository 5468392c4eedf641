"""Values of a mask file as they are: numbers or colours, and the share of each."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Shaped, UInt8

from gequnet.data.errors import FoundValue, UnsupportedImageError
from gequnet.data.formats.image_file import InputSpec
from gequnet.data.formats.pictures import check_single, open_raster
from gequnet.data.formats.pillow_file import JP2
from gequnet.data.formats.read_errors import first_bytes

Shares = dict[FoundValue, float]
"""Share of the pixels of each value, smallest value first."""

CHROMA, FAINT, FEW = 30, 4, 0.05
"""Greatest difference between the colours of a grey pixel in a file with lossy compression, the one of most of its
pixels, and the share of the pixels above that."""

MANY_DIGITS = 2**64
"""Numbers from here on are left in floating point."""


@dataclass(frozen=True)
class MaskValues:
    """Values of a mask file.

    Args:
        path: The file, for errors.
        channels: ``[C, H, W]`` in the type of the file, without transparency; numbers of a palette.
        palette: Colours of the numbers; None without a palette.
        lossy: True if the compression of the file changes values.
    """

    path: Path
    channels: Shaped[np.ndarray, "c h w"]
    palette: UInt8[np.ndarray, "256 3"] | None = None
    lossy: bool = False

    @property
    def numbers(self) -> Shaped[np.ndarray, "h w"] | None:
        """Grey levels, or numbers of a palette; None if a pixel has different colours."""
        first = self.channels[0]
        return first if _all_equal(first, self.channels[1:]) else None

    @property
    def colours(self) -> Shaped[np.ndarray, "h w 3"]:
        """Colours of the pixels; three equal ones for a grey level."""
        if self.palette is not None:
            return self.palette[self.channels[0]]
        return np.broadcast_to(self.channels, (3, *self.channels.shape[1:])).transpose(1, 2, 0)

    @property
    def greys(self) -> Shaped[np.ndarray, "h w"] | None:
        """Grey levels, as a viewer shows them; None if there are colours, or two numbers of a palette look the same."""
        if self.palette is not None:
            return self._greys_of_palette(self.palette)
        numbers = self.numbers
        if numbers is None:
            return self._greys_of_noise() if self.lossy else None
        return np.where(numbers, np.uint8(255), np.uint8(0)) if numbers.dtype == bool else numbers

    def _greys_of_palette(self, palette: UInt8[np.ndarray, "256 3"]) -> UInt8[np.ndarray, "h w"] | None:
        used = palette[np.unique(self.channels[0])]
        grey = (used == used[:, :1]).all() and len(np.unique(used[:, 0])) == len(used)
        return palette[self.channels[0], 0] if grey else None

    def _greys_of_noise(self) -> Shaped[np.ndarray, "h w"] | None:
        """Mean of faint colours, of which few are more than faint; None beyond that."""
        colours = self.colours.astype(np.int64)
        chroma = colours.max(2) - colours.min(2)
        noise = chroma.max() <= CHROMA and (chroma > FAINT).mean() <= FEW
        return (colours.sum(2) // 3).astype(self.channels.dtype) if noise else None

    def shares(self) -> Shares:
        """Share of the pixels of each number, or of each colour where the colours of a pixel differ."""
        return shares_of(self.colours, colours=True) if self.numbers is None else shares_of(self.numbers)


def read_mask_values(path: Path, content: bytes | None = None, page: int | None = None) -> MaskValues:
    """Read the values of a mask.

    Args:
        path: The file.
        content: Bytes of the file, if it is in an archive; ``path`` is then for errors only.
        page: Index of the page; None for a file of one page.

    Raises:
        DataError: If the file cannot be decoded, has several pages, or has channels that are no colours.
    """
    with open_raster(path, InputSpec(4, 2), content) as raster:
        check_single(raster, page)
        channels, palette = raster.whole(page or 0), raster.palette()
        if (not raster.coloured and len(channels) > 1) or len(channels) > 4:
            came = f"has {len(channels)} channels, and a mask has one number or one colour for each pixel"
            raise UnsupportedImageError(path, came, "save the class of each pixel as a number")
        if palette is not None and raster.renumbered:
            channels, palette = palette[channels[0]].transpose(2, 0, 1), None
        channels = channels // raster.grey_step if raster.grey_step > 1 else channels
        return MaskValues(path, _without_transparency(channels, path), palette, is_lossy(first_bytes(path, content)))


def is_lossy(start: bytes) -> bool:
    """True for the first bytes of a JPEG, a WebP or a JPEG 2000."""
    return start.startswith((b"\xff\xd8\xff", JP2)) or (start[:4], start[8:12]) == (b"RIFF", b"WEBP")


def shares_of(values: Shaped[np.ndarray, "..."], colours: bool = False) -> Shares:
    """Share of the pixels of each value, or of each colour along the last axis.

    >>> shares_of(np.array([[0.0, -0.0], [np.nan, np.nan]]))
    {0: 0.5, nan: 0.5}
    """
    pixels = values.reshape(-1, values.shape[-1] if colours else 1)
    # Along an axis, NumPy takes each NaN for another value.
    columns = [np.unique(column, return_inverse=True) for column in pixels.T]
    rows, counts = np.unique(np.stack([places for _, places in columns], 1), axis=0, return_counts=True)
    levels = [[plain(value) for value in found.tolist()] for found, _ in columns]
    names = [tuple(column[place] for column, place in zip(levels, row, strict=True)) for row in rows.tolist()]
    return {
        name if colours else name[0]: count / len(pixels) for name, count in zip(names, counts.tolist(), strict=True)
    }


def plain(value: int | float) -> int | float:
    """The value, as an int if it is whole; every NaN is the same object, which a dictionary finds.

    >>> plain(255.0), plain(-0.0), plain(0.5), plain(True)
    (255, 0, 0.5, 1)
    """
    if math.isnan(value):
        return math.nan
    return int(value) if abs(value) < MANY_DIGITS and value == int(value) else value


def _all_equal(first: Shaped[np.ndarray, "h w"], others: Shaped[np.ndarray, "k h w"]) -> bool:
    return all(np.array_equal(first, other, equal_nan=first.dtype.kind == "f") for other in others)


def _without_transparency(channels: Shaped[np.ndarray, "c h w"], path: Path) -> Shaped[np.ndarray, "k h w"]:
    if len(channels) not in (2, 4):
        return channels
    seen, alpha = channels[:-1], channels[-1]
    if alpha.min() < alpha.max() and all(layer.min() == layer.max() for layer in seen):
        came = "has one colour everywhere, and its classes seem to be in its transparency"
        raise UnsupportedImageError(path, came, "save the class of each pixel as a number or a colour")
    return seen
