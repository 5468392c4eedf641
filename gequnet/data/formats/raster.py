"""Base class of pictures: the exact values of a page, and their conversion to the input of a network."""

import logging
from abc import abstractmethod
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Shaped, UInt8
from torch import Tensor

from gequnet.data.formats.arrays import MAX_16_BIT, match_channels
from gequnet.data.formats.exact_float32 import as_float32
from gequnet.data.formats.image_file import ImageFile, InputSpec, UnfitImageError, Window

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

    @abstractmethod
    def values(self, page: int, window: Window) -> Shaped[np.ndarray, "c h w"]:
        """Values of a window of a page as the file has them, ``[C, H, W]``; of a palette its numbers."""

    def palette(self) -> UInt8[np.ndarray, "256 3"] | None:
        """Colours of the numbers in the file; None without a palette."""
        return None

    def whole(self, page: int = 0) -> Shaped[np.ndarray, "c h w"]:
        """Values of a whole page."""
        return self.values(page, tuple(slice(0, side) for side in self.space))

    def shown(self, page: int, window: Window) -> Shaped[np.ndarray, "c h w"]:
        """Values of a window as a viewer shows them: with the colours of the palette."""
        values, palette = self.values(page, window), self.palette()
        return values if palette is None else palette[values[0]].transpose(2, 0, 1)

    def __enter__(self) -> "Raster":
        return self

    def _decode(self, page: int, window: Window) -> Tensor:
        values = self.shown(page, window)
        image = as_picture(values, self.spec, self.path, self.coloured)
        declared = [np.array(value, values.dtype) for value in self._nodata() if _fits(value, values.dtype)]
        empty = np.isin(values, declared).any(0)
        if not empty.any():
            return image
        image = image.float() / 255 if image.dtype == torch.uint8 else image
        return torch.where(torch.from_numpy(empty), torch.nan, image)

    def _nodata(self) -> tuple[float, ...]:
        """Values of pixels without data: those of the dataset, and the one that the file declares."""
        return self.spec.nodata


def _fits(value: float, dtype: np.dtype) -> bool:
    """True if a value can occur in an array of this type."""
    return dtype.kind == "f" or (dtype.kind in "iu" and np.iinfo(dtype).min <= value <= np.iinfo(dtype).max)


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
