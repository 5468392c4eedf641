"""Interface of the image formats: facts about an image, windows of it, and writing of its maps."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import ClassVar

import numpy as np
from jaxtyping import Float32, UInt8
from torch import Tensor

from gequnet.data.errors import DataError

Window = Sequence[slice]
"""Slice along each axis of space."""


class UnfitImageError(DataError):
    """Image that does not fit the input of the network."""

    def __init__(self, path: Path, came: str, expected: str, advice: str) -> None:
        super().__init__(f"{path} {came} and the network takes {expected}; {advice}.")


@dataclass(frozen=True)
class InputSpec:
    """Input of a network.

    Args:
        channels: Channels of an image.
        spatial_dims: 2 for pictures, 3 for volumes.
        nodata: Values of the pixels of a picture without data, in the numbers of the file; they are read as nan.
    """

    channels: int
    spatial_dims: int
    nodata: tuple[float, ...] = ()


class ImageFile(ABC):
    """Image in a file, or several images of one size in the pages of one file.

    Only headers are read until ``read`` is called. Pixels have the same types as in datasets: uint8 for pictures of 8
    bits, floating point from 0 to 1 for grey pictures of 16 bits, floating point or int16 in the unit of the file for
    volumes.

    Args:
        path: The file, or the folder of a series.
        spec: Input of the network, which decides how colours, pages and channels are read.
    """

    endings: ClassVar[tuple[str, ...]]
    """Endings of files in which maps can be written, the usual one first."""

    space: tuple[int, ...]
    """Size of each image, ``[*space]``."""
    channels: int
    """Number of channels of the file."""
    dtype: np.dtype
    """Type of the values in the file."""
    pages: int = 1
    """Number of images in the file."""
    spacing_mm: tuple[float, ...] | None = None
    """Millimetres per pixel along each axis of space; None if unknown."""
    windowed: bool = False
    """True if a window can be read without decoding the rest."""

    def __init__(self, path: Path, spec: InputSpec) -> None:
        self.path, self.spec = path, spec
        self._kept: tuple[int, Tensor] | None = None

    def read(self, page: int = 0, window: Window | None = None) -> Tensor:
        """Pixels of a page, ``[C, *space]``, or of a window of it.

        If the format has no windows, the page is decoded once and kept.

        Raises:
            DataError: If the page cannot be decoded or does not fit the network.
        """
        if self.windowed or window is None:
            return self._decode(page, window or tuple(slice(0, side) for side in self.space))
        if self._kept is None or self._kept[0] != page:
            self._kept = page, self._decode(page, tuple(slice(0, side) for side in self.space))
        return self._kept[1][(slice(None), *window)]

    @abstractmethod
    def _decode(self, page: int, window: Window) -> Tensor:
        """Decode a window; it is the whole page if ``windowed`` is False."""

    @classmethod
    def ending(cls, layers: int, dtype: np.dtype) -> str:
        """Usual ending of a file with this number of layers per page and this type of values."""
        return cls.endings[0]

    @abstractmethod
    def write(
        self,
        path: Path,
        maps: UInt8[np.ndarray, "pages layers *space"] | Float32[np.ndarray, "pages layers *space"],
    ) -> None:
        """Write maps of the pages, in the geometry of this file.

        Args:
            path: Target file, with one of ``endings``.
            maps: One or more layers for each page; may be a memory map.
        """

    def close(self) -> None:
        """Close the file."""
        self._kept = None

    def __enter__(self) -> "ImageFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
