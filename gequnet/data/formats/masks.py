"""Readers of mask files: black and white, grey levels, class numbers or colours."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Shaped, UInt8
from torch import Tensor

from gequnet.data.errors import FoundValue, UnexpectedMaskValuesError
from gequnet.data.formats.black_and_white import binarise
from gequnet.data.formats.mask_advice import MANY, fitting_lines, lines_that_add
from gequnet.data.formats.mask_settings import (
    MaskValue,
    class_values,
    ignored_values,
    is_level,
    is_number,
    threshold_level,
)
from gequnet.data.formats.mask_values import MaskValues, Shares, plain, read_mask_values
from gequnet.errors import ConfigError

IGNORED = -1

ADVICE = "add them to data.source.palette or data.source.ignore, or save the mask without loss"


class MaskReader(ABC):
    """Reader of mask files."""

    @abstractmethod
    def read(self, path: Path) -> tuple[UInt8[Tensor, "h w"], Bool[Tensor, "h w"]]:
        """Class of each pixel, and mask of valid pixels.

        Raises:
            UnreadableFileError: If the file cannot be decoded.
            UnexpectedMaskValuesError: If it holds a value of no class.
        """


class BinaryMaskReader(MaskReader):
    """Reader of masks with one class, white on black.

    Args:
        threshold: Grey level above which a pixel is white; with None any grey is an error.
        ignore: Grey level of pixels that are not valid, or a list of them.

    Raises:
        ConfigError: If these are no grey levels.
    """

    def __init__(self, threshold: Any = None, ignore: Any = None) -> None:
        self.threshold, self.ignore = threshold_level(threshold), ignored_values(ignore)
        if not all(map(is_number, self.ignore)):
            raise ConfigError(
                f"data.source.ignore={self.ignore} names a colour, and masks of one class are read in shades of grey: "
                "give grey levels, or name the colours of all classes with data.source.palette."
            )

    def read(self, path: Path) -> tuple[UInt8[Tensor, "h w"], Bool[Tensor, "h w"]]:
        """Mask with 1 where the file is white, and valid pixels."""
        mask, valid = binarise(read_mask_values(path), self.threshold, self.ignore)
        return torch.from_numpy(mask), torch.from_numpy(valid)


def read_binary(
    path: Path, content: bytes | None = None, page: int | None = None, threshold: int | float | None = None
) -> UInt8[Tensor, "h w"]:
    """Read a black-and-white mask as 0 and 1, see ``binarise``.

    Args:
        path: The file.
        content: Bytes of the file, if it is in an archive; ``path`` is then for the error only.
        page: Index of the page; None for a file of one page.
        threshold: Grey level above which a pixel is white; with None any grey is an error.

    Raises:
        UnreadableFileError: If the file cannot be decoded.
        UnexpectedMaskValuesError: If it holds anything but black and white.
    """
    advice = "it was probably saved lossily or is not a mask, fetch the original file"
    mask, _ = binarise(read_mask_values(path, content, page), threshold, advice=advice)
    return torch.from_numpy(mask)


class PaletteMaskReader(MaskReader):
    """Reader of masks with several classes, each with its own value.

    Args:
        classes: Value of each class in the files, in the order of class numbers: background first.
        ignore: Value of pixels that are not valid, or a list of them.
        advice: Advice in the error about values of no class; None for the lines of a configuration that would fit.

    Raises:
        ConfigError: If there are fewer than two classes, two classes share a value, or a value is not possible.
    """

    def __init__(self, classes: Any, ignore: Any = None, advice: str | None = None) -> None:
        self.classes, self.ignore, self.advice = class_values(classes), ignored_values(ignore), advice
        values = [*self.classes.values(), *self.ignore]
        if len(self.classes) < 2:
            raise ConfigError(
                f"data.source.palette={self.classes} names less than two classes: name the background, too, first."
            )
        self.in_colour = not all(map(is_number, values))
        numbers = [*range(len(self.classes)), *(IGNORED for _ in self.ignore)]
        self.class_of = dict(zip(map(self._code, values), numbers, strict=True))
        if len(self.class_of) < len(numbers):
            raise ConfigError(
                f"data.source.palette={self.classes} with data.source.ignore={self.ignore} gives two classes one "
                "value: give each its own."
            )

    def read(self, path: Path) -> tuple[UInt8[Tensor, "h w"], Bool[Tensor, "h w"]]:
        """Class number of each pixel, and valid pixels; ignored pixels are 0 and not valid."""
        codes = self._codes(read_mask_values(path))
        found, places, counts = np.unique(codes, return_inverse=True, return_counts=True)
        counted = dict(zip(map(plain, found.tolist()), counts.tolist(), strict=True))
        unknown = {self._shown(code): n / codes.size for code, n in counted.items() if code not in self.class_of}
        if unknown:
            raise UnexpectedMaskValuesError(path, unknown, self._expected(), self.advice or self._adding(unknown))
        classes = np.array([self.class_of[code] for code in counted])[places].reshape(codes.shape)
        return torch.from_numpy(classes.clip(min=0).astype(np.uint8)), torch.from_numpy(classes != IGNORED)

    def _codes(self, values: MaskValues) -> Shaped[np.ndarray, "h w"]:
        """Code of each pixel's value; that of a colour is a number in base 256."""
        colours, numbers = values.colours, values.numbers
        if self.in_colour and colours.dtype in (np.uint8, bool):
            factor = 255 if colours.dtype == bool else 1
            return colours.astype(np.int64) * factor @ np.array([1 << 16, 1 << 8, 1])
        if self.in_colour or numbers is None:
            shares = values.shares()
            raise UnexpectedMaskValuesError(values.path, shares, self._expected(), self.advice or _replacing(shares))
        return numbers

    def _adding(self, unknown: Mapping[FoundValue, float]) -> str:
        if len(unknown) > MANY:
            return ADVICE
        return f"add {lines_that_add(unknown, len(self.classes), self.ignore)} or save the mask without loss"

    def _code(self, value: MaskValue) -> int | float:
        if not self.in_colour:
            assert isinstance(value, int | float)
            return value
        levels = [value] * 3 if isinstance(value, int | float) else value
        if not all(map(is_level, levels)):
            raise ConfigError(
                f"{value} in data.source.palette or data.source.ignore is no grey level beside colours: give a whole "
                "number from 0 to 255, or numbers alone."
            )
        red, green, blue = map(int, levels)
        return (red << 16) + (green << 8) + blue

    def _shown(self, code: int | float) -> FoundValue:
        if not self.in_colour:
            return code
        number = int(code)
        return (number >> 16, number >> 8 & 255, number & 255)

    def _expected(self) -> str:
        names = [*self.classes, *["ignored"] * len(self.ignore)]
        return ", ".join(f"{name} {self._shown(code)}" for name, code in zip(names, self.class_of, strict=True))


def _replacing(shares: Shares) -> str:
    """Advice for a mask in which a palette of numbers meets colours, or one of colours numbers beyond 8 bits."""
    return fitting_lines(shares).replace("give ", "in place of the palette give ")
