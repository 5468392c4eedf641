"""What every format is to the rest of the program: facts about an image, windows of it, and a place for answers."""

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
"""Where a part of an image lies, along each axis of space."""


class UnfitImageError(DataError):
    """A file is an image, and not one that this network takes."""

    def __init__(self, path: Path, came: str, expected: str, advice: str) -> None:
        super().__init__(f"{path} {came} and the network takes {expected}; {advice}.")


@dataclass(frozen=True)
class InputSpec:
    """What a network takes.

    Args:
        channels: Channels of an image.
        spatial_dims: 2 for pictures, 3 for volumes.
    """

    channels: int
    spatial_dims: int


class ImageFile(ABC):
    """An image in a file, or several of one size in the pages of one file.

    Only headers are read until ``read`` is called. Pixels come as sources of data sets hand them out: pictures of 8
    bits as bytes, grey ones of 16 bits as floating point from 0 to 1, volumes in the unit of the file as floating point
    or 16-bit whole numbers.

    Args:
        path: The file, or the folder of a series.
        takes: What the network takes, so that colours, pages and channels are understood as it understands them.
    """

    endings: ClassVar[tuple[str, ...]]
    """Endings of the files in which answers may be written, the customary one first."""

    space: tuple[int, ...]
    """Size of each image, ``[*space]``."""
    channels: int
    """Channels that the file has."""
    dtype: np.dtype
    """Of its numbers."""
    pages: int = 1
    """Images in it."""
    spacing_mm: tuple[float, ...] | None = None
    """Millimetres per pixel along each axis of space; None where nobody knows."""
    windowed: bool = False
    """Whether a window can be read without decoding the rest."""

    def __init__(self, path: Path, spec: InputSpec) -> None:
        self.path, self.spec = path, spec
        self._kept: tuple[int, Tensor] | None = None

    def read(self, page: int = 0, window: Window | None = None) -> Tensor:
        """A page, ``[C, *space]``, or a window of it.

        Where the format knows no windows the page is decoded once and kept.

        Raises:
            DataError: It cannot be decoded, or is not what the network takes.
        """
        if self.windowed or window is None:
            return self._decode(page, window or tuple(slice(0, side) for side in self.space))
        if self._kept is None or self._kept[0] != page:
            self._kept = page, self._decode(page, tuple(slice(0, side) for side in self.space))
        return self._kept[1][(slice(None), *window)]

    @abstractmethod
    def _decode(self, page: int, window: Window) -> Tensor:
        """The pixels; where ``windowed`` is False the window is the whole page."""

    @classmethod
    def ending(cls, layers: int, dtype: np.dtype) -> str:
        """The customary ending of a file with so many layers of such numbers for each page."""
        return cls.endings[0]

    @abstractmethod
    def write(
        self,
        path: Path,
        maps: UInt8[np.ndarray, "pages layers *space"] | Float32[np.ndarray, "pages layers *space"],
    ) -> None:
        """Writes maps that lie over the pages, in this file's geometry.

        Args:
            path: Its ending is one of ``endings``.
            maps: One or more layers for each page; may be mapped from a file.
        """

    def close(self) -> None:
        """Lets go of the file."""
        self._kept = None

    def __enter__(self) -> "ImageFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
