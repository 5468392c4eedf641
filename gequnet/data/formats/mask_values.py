"""Values of a mask file as they are: numbers or colours, and the share of each."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Shaped, UInt8

from gequnet.data.errors import FoundValue, UnsupportedImageError
from gequnet.data.formats.image_file import InputSpec
from gequnet.data.formats.pictures import check_single, open_raster

Shares = dict[FoundValue, float]
"""Share of the pixels of each value, smallest value first."""

CHROMA = 30
"""Greatest difference of the colours of a pixel that is grey, in a file with lossy compression."""


@dataclass(frozen=True)
class MaskValues:
    """Values of a mask file.

    Args:
        path: The file, for errors.
        channels: ``[C, H, W]`` in the type of the file, without transparency; numbers of a palette.
        palette: Colours of the numbers; None without a palette.
    """

    path: Path
    channels: Shaped[np.ndarray, "c h w"]
    palette: UInt8[np.ndarray, "256 3"] | None = None

    @property
    def numbers(self) -> Shaped[np.ndarray, "h w"] | None:
        """Grey levels, or numbers of a palette; None if a pixel has different colours."""
        first = self.channels[0]
        return first if all(np.array_equal(first, other) for other in self.channels[1:]) else None

    @property
    def colours(self) -> Shaped[np.ndarray, "h w 3"]:
        """Colours of the pixels; three equal ones for a grey level."""
        if self.palette is not None:
            return self.palette[self.channels[0]]
        return np.broadcast_to(self.channels, (3, *self.channels.shape[1:])).transpose(1, 2, 0)

    @property
    def greys(self) -> Shaped[np.ndarray, "h w"] | None:
        """Grey levels, as a viewer shows them; None if a pixel is coloured beyond the noise of a compression."""
        if self.palette is None and len(self.channels) == 1:
            levels = self.channels[0]
            return np.where(levels, np.uint8(255), np.uint8(0)) if levels.dtype == bool else levels
        colours = self.colours.astype(np.int64)
        if (colours.max(2) - colours.min(2)).max(initial=0) > CHROMA:
            return None
        return colours.sum(2) // 3

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
        return MaskValues(path, _without_transparency(channels, path), palette)


def shares_of(values: Shaped[np.ndarray, "..."], colours: bool = False) -> Shares:
    """Share of the pixels of each value, or of each colour along the last axis.

    >>> shares_of(np.array([[0, 0], [0, 7]]))
    {0: 0.75, 7: 0.25}
    """
    pixels = values.reshape(-1, values.shape[-1] if colours else 1)
    found, counts = np.unique(pixels, axis=0, return_counts=True)
    names = [row[0] if len(row) == 1 else tuple(row) for row in found.tolist()]
    return {name: count / len(pixels) for name, count in zip(names, counts.tolist(), strict=True)}


def _without_transparency(channels: Shaped[np.ndarray, "c h w"], path: Path) -> Shaped[np.ndarray, "k h w"]:
    if len(channels) not in (2, 4):
        return channels
    seen, alpha = channels[:-1], channels[-1]
    if alpha.min() < alpha.max() and all(layer.min() == layer.max() for layer in seen):
        came = "has one colour everywhere, and its classes seem to be in its transparency"
        raise UnsupportedImageError(path, came, "save the class of each pixel as a number or a colour")
    return seen
