"""Base class of pictures: the exact values of a page, and their conversion to the input of a network."""

import logging
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Shaped, UInt8
from torch import Tensor

from gequnet.data.formats.arrays import MAX_16_BIT, match_channels
from gequnet.data.formats.exact_float32 import as_float32
from gequnet.data.formats.image_file import ImageFile, InputSpec, UnfitImageError, Window
from gequnet.data.nodata import is_one_of

log = logging.getLogger("gequnet")

_warned: set[str] = set()


class Raster(ImageFile):
    """Picture with one or more pages, with access to the values of its file."""

    coloured: bool
    """True if its channels are grey or colours, with or without transparency."""
    orientation: int
    """EXIF orientation, which is already applied; 1 for none."""
    renumbered: bool = False
    """True if the numbers of the palette are those of the program that saved it, as in a GIF."""
    grey_step: int = 1
    """Factor between ``values`` and the numbers in the file, which have 2 or 4 bits."""

    declared: float | None = None
    """Value of pixels without data that the file itself declares."""

    @abstractmethod
    def values(self, page: int, window: Window) -> Shaped[np.ndarray, "c h w"]:
        """Values of a window of a page as the file has them, ``[C, H, W]``; of a palette its numbers."""

    def palette(self) -> UInt8[np.ndarray, "256 3"] | None:
        """Colours of the numbers in the file; None without a palette."""
        return None

    def whole(self, page: int = 0) -> Shaped[np.ndarray, "c h w"]:
        """Values of a whole page."""
        return self.values(page, tuple(slice(0, side) for side in self.space))

    def __enter__(self) -> "Raster":
        return self

    def in_values(self, number: float) -> float:
        """Convert a number of the file to the unit of ``values``."""
        return number * self.grey_step

    def _decode(self, page: int, window: Window) -> Tensor:
        values, palette = self.values(page, window), self.palette()
        shown = values if palette is None else palette[values[0]].transpose(2, 0, 1)
        return self._image(shown, self._empty(values))

    def _image(self, shown: Shaped[np.ndarray, "c *space"], empty: Bool[np.ndarray, "*space"]) -> Tensor:
        """Input of the network, nan where there are no data; these are not looked at for their size."""
        if not empty.any():
            return as_picture(shown, self.spec, self.path, self.coloured)
        filled = np.where(empty, shown.dtype.type(np.nan if shown.dtype.kind == "f" else 0), shown)
        image = as_picture(filled, self.spec, self.path, self.coloured)
        image = image.float() / 255 if image.dtype == torch.uint8 else image
        return torch.where(torch.from_numpy(empty), torch.nan, image)

    def _empty(self, values: Shaped[np.ndarray, "c *space"]) -> Bool[np.ndarray, "*space"]:
        """True where there are no data, by a value of the dataset in any channel, or by that of the file.

        The value of the file counts as in GDAL: for each band, but for the colours of a picture together.
        """
        extra = self.coloured and len(values) in (2, 4) and len(values) != self.spec.channels
        seen = values[:-1] if extra else values
        given = np.any(self._has(seen, self.spec.nodata), 0)
        if self.declared is None:
            return given
        together = np.all if self.coloured else np.any
        return given | together(self._has(seen, [self.declared]), 0)

    def _has(self, values: Shaped[np.ndarray, "c *space"], numbers: Sequence[float]) -> Bool[np.ndarray, "c *space"]:
        """True where the values have one of some numbers of the file."""
        return is_one_of(values, [self.in_values(number) for number in numbers])


def warn_of_transparency(path: Path) -> None:
    """Log a warning about transparent pixels, once for each folder."""
    if str(path.parent) not in _warned:
        _warned.add(str(path.parent))
        log.warning(
            "%s has transparent pixels: their colours are read and the transparency is left out. Other images of the "
            "folder are not named.",
            path,
        )


def as_picture(
    values: Shaped[np.ndarray, "c *space"], spec: InputSpec, path: Path, coloured: bool
) -> Shaped[Tensor, "channels *space"]:
    """Convert the channels of a file to the input channels of a network.

    Values of a picture: uint8 is unchanged, bits become 0 and 255, wider whole numbers become floating point, divided
    by 65535, and floating point is unchanged. Values of a volume are unchanged. Channels: transparency is left out,
    grey becomes equal channels, colour becomes grey; other channels must be as many as those of the network.

    Args:
        values: Values of the file.
        spec: Input of the network.
        path: Path of the file, for the error.
        coloured: True if the channels are colours or grey, with or without transparency.

    Raises:
        UnfitImageError: If the channels do not fit the network, or float32 cannot hold the values.
    """
    check_channels(len(values), spec, path, coloured)
    return match_channels(_numbers(values, spec.spatial_dims, path), spec.channels, spec.spatial_dims == 2)


def check_channels(came: int, spec: InputSpec, path: Path, coloured: bool) -> None:
    """Raise an ``UnfitImageError`` if the channels of a file cannot be converted, see ``as_picture``."""
    customary = spec.channels in (1, 3) and (came == 1 or (coloured and came in (2, 3, 4)))
    if came != spec.channels and not customary:
        raise UnfitImageError(
            path, f"has {_channels(came)}", _channels(spec.channels), "give images like those that it was trained on"
        )


def _numbers(values: Shaped[np.ndarray, "c *space"], spatial_dims: int, path: Path) -> Tensor:
    if spatial_dims == 3:
        return torch.from_numpy(as_float32(values, path))
    if values.dtype == bool:
        return torch.from_numpy(values.astype(np.uint8) * 255)
    if values.dtype == np.uint8:
        return torch.from_numpy(np.array(values))
    if np.issubdtype(values.dtype, np.floating):
        return torch.from_numpy(as_float32(values, path))
    return torch.from_numpy(as_float32(values, path) / MAX_16_BIT)


def _channels(count: int) -> str:
    return f"{count} channel{'s' if count > 1 else ''}"
