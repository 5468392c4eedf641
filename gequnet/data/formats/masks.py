"""Readers of mask files: black and white, grey levels, class numbers or colours."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Int64, Shaped, UInt8
from torch import Tensor

from gequnet.data.errors import FoundValue, UnexpectedMaskValuesError
from gequnet.data.formats.mask_values import MaskValues, Shares, read_mask_values, shares_of
from gequnet.errors import ConfigError

MaskValue = int | Sequence[int]
"""Value of a class in a file: a number, which is a grey level or an index of the file's palette, or a colour
``[r, g, b]`` from 0 to 255."""

IGNORED = -1
BLACK, WHITE = 15, 240
"""Greatest grey level of black and least grey level of white in a mask of exactly two grey levels."""
MANY = 8
"""Number of values above which a mask was saved with losses, or is no mask."""

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
        ignore: Grey levels of pixels that are not valid.
    """

    def __init__(self, threshold: int | float | None = None, ignore: Iterable[MaskValue] = ()) -> None:
        self.threshold, self.ignore = threshold, list(ignore)
        if not all(isinstance(value, int) for value in self.ignore):
            raise ConfigError(
                f"data.source.ignore={self.ignore} names a colour, and masks of one class are read in shades of grey: "
                "give grey levels, or name the colours of all classes with data.source.palette."
            )

    def read(self, path: Path) -> tuple[UInt8[Tensor, "h w"], Bool[Tensor, "h w"]]:
        """Mask with 1 where the file is white, and valid pixels."""
        values = read_mask_values(path)
        numbers = values.channels[0]
        ignored = np.isin(numbers, self.ignore) if len(values.channels) == 1 or values.numbers is not None else None
        mask = binarise(values, self.threshold, None if ignored is None or not ignored.any() else ignored)
        valid = np.ones(numbers.shape, bool) if ignored is None else ~ignored
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
    return torch.from_numpy(binarise(read_mask_values(path, content, page), threshold, advice=advice))


def binarise(
    values: MaskValues,
    threshold: int | float | None = None,
    ignored: Bool[np.ndarray, "h w"] | None = None,
    advice: str | None = None,
) -> UInt8[np.ndarray, "h w"]:
    """Convert the values of a mask to 0 and 1.

    Black and white are 0 and 1, 0 and the greatest value of the type, or exactly two grey levels near 0 and 255, as by
    the palette of some files of DRIVE. Numbers 0 and 1 of any other palette are classes.

    Args:
        values: Values of the file.
        threshold: Grey level above which a pixel is white; with None any other value is an error.
        ignored: Pixels that are not looked at; they become 0.
        advice: Advice in the error; None for the lines of a configuration that would fit.

    Raises:
        UnexpectedMaskValuesError: If there are other values.
    """
    greys, counted = values.greys, slice(None) if ignored is None else ~ignored
    if threshold is not None and greys is not None:
        return _where(greys > threshold, ignored)
    for levels in (greys, None if values.palette is None else values.numbers):
        white = None if levels is None else _white(levels[counted])
        if levels is not None and white is not None:
            return _where(levels == white, ignored)
    shares = values.shares() if values.numbers is None else shares_of(values.numbers[counted])
    expected = "two values, black and white (0 and 255, or 0 and 1)"
    raise UnexpectedMaskValuesError(values.path, shares, expected, advice or fitting_lines(shares))


def fitting_lines(shares: Shares) -> str:
    """Advice for a mask of one class with other values: lines of configuration to paste.

    >>> fitting_lines({0: 0.9, 2: 0.1})
    "give 'data.source.palette={background:0,foreground:2}' or data.source.threshold=1"
    """
    found = list(shares)
    colours = any(isinstance(value, tuple) for value in found)
    if len(found) > MANY and not colours:
        return "set data.source.threshold=127 if brighter pixels are the foreground (of a JPEG, say), or save it again"
    if len(found) > MANY:
        return "save the mask without loss, with one colour for each class"
    lines = [f"'data.source.palette={{{_palette(found)}}}'"] if len(found) > 1 and _whole(found) else []
    if not colours and len(found) == 2:
        middle = sum(found) / 2  # type: ignore[arg-type]
        lines.append(f"data.source.threshold={middle:g}")
    if not colours and len(found) == 3 and {0, 255} & set(found):
        lines.append(f"data.source.ignore={found[1] if found[2] == 255 and found[1] != 1 else found[2]}")
    return f"give {' or '.join(lines)}" if lines else "give data.source.palette={background:<value>,<class>:<value>}"


class PaletteMaskReader(MaskReader):
    """Reader of masks with several classes, each with its own value.

    Args:
        classes: Value of each class in the files, in the order of class numbers: background first.
        ignore: Values of pixels that are not valid.
        advice: Advice in the error about values of no class.

    Raises:
        ConfigError: If there are fewer than two classes, or two classes share a value.
    """

    def __init__(
        self, classes: Mapping[str, MaskValue], ignore: Iterable[MaskValue] = (), advice: str = ADVICE
    ) -> None:
        values, self.ignore, self.advice = list(classes.values()), list(ignore), advice
        if len(classes) < 2:
            raise ConfigError(
                f"data.source.palette={dict(classes)} names less than two classes: name the background, too, first."
            )
        self.names = [str(name) for name in classes]
        self.in_colour = not all(isinstance(value, int) for value in values + self.ignore)
        numbers = [*range(len(values)), *(IGNORED for _ in self.ignore)]
        self.class_of = dict(zip(map(self._code, values + self.ignore), numbers, strict=True))
        if len(self.class_of) < len(numbers):
            raise ConfigError(
                f"data.source.palette={dict(classes)} with data.source.ignore={self.ignore} gives two classes one "
                "value: give each its own."
            )

    def read(self, path: Path) -> tuple[UInt8[Tensor, "h w"], Bool[Tensor, "h w"]]:
        """Class number of each pixel, and valid pixels; ignored pixels are 0 and not valid."""
        codes = self._codes(read_mask_values(path))
        found, places, counts = np.unique(codes, return_inverse=True, return_counts=True)
        counted = dict(zip(found.tolist(), counts.tolist(), strict=True))
        unknown = {self._shown(code): n / codes.size for code, n in counted.items() if code not in self.class_of}
        if unknown:
            raise UnexpectedMaskValuesError(path, unknown, *self._expected())
        classes = np.array([self.class_of[code] for code in counted])[places].reshape(codes.shape)
        return torch.from_numpy(classes.clip(min=0).astype(np.uint8)), torch.from_numpy(classes != IGNORED)

    def _codes(self, values: MaskValues) -> Int64[np.ndarray, "h w"] | Shaped[np.ndarray, "h w"]:
        """Code of each pixel's value; that of a colour is a number in base 256."""
        if self.in_colour:
            colours = values.colours
            if colours.dtype != np.uint8 and colours.dtype != bool:
                raise UnexpectedMaskValuesError(values.path, values.shares(), *self._expected())
            factor = 255 if colours.dtype == bool else 1
            return colours.astype(np.int64) * factor @ np.array([1 << 16, 1 << 8, 1])
        if values.numbers is None:
            raise UnexpectedMaskValuesError(values.path, values.shares(), *self._expected())
        numbers = values.numbers
        return numbers if numbers.dtype.kind == "f" else numbers.astype(np.int64)

    def _code(self, value: MaskValue) -> int:
        if not self.in_colour:
            assert isinstance(value, int)
            return value
        red, green, blue = (value,) * 3 if isinstance(value, int) else value
        return (red << 16) + (green << 8) + blue

    def _shown(self, code: int | float) -> FoundValue:
        if not self.in_colour:
            return code
        number = int(code)
        return (number >> 16, number >> 8 & 255, number & 255)

    def _expected(self) -> tuple[str, str]:
        values = ", ".join(
            f"{name} {self._shown(code)}"
            for name, code in zip([*self.names, *["ignored"] * len(self.ignore)], self.class_of, strict=True)
        )
        return values, self.advice


def _white(levels: Shaped[np.ndarray, "..."]) -> int | float | None:
    """Value of white among grey levels of which one is black, or the only one; None if they are not black and white."""
    if levels.dtype == bool:
        return 1
    found = np.unique(levels).tolist()
    greatest = np.iinfo(levels.dtype).max if levels.dtype.kind in "iu" else 255
    for white in (1, 255, greatest):
        if set(found) <= {0, white}:
            return float(white)
    near = len(found) == 2 and 0 <= found[0] <= BLACK and WHITE <= found[1] <= 255
    return float(found[1]) if near else None


def _where(white: Bool[np.ndarray, "h w"], ignored: Bool[np.ndarray, "h w"] | None) -> UInt8[np.ndarray, "h w"]:
    return (white if ignored is None else white & ~ignored).astype(np.uint8)


def _whole(found: Iterable[FoundValue]) -> bool:
    return all(isinstance(value, tuple | int) or float(value).is_integer() for value in found)


def _palette(found: Sequence[FoundValue]) -> str:
    classes = ["foreground"] if len(found) == 2 else [f"class{number}" for number in range(1, len(found))]
    names = ["background", *classes]
    shown = [str(list(value)).replace(" ", "") if isinstance(value, tuple) else f"{value:g}" for value in found]
    return ",".join(f"{name}:{value}" for name, value in zip(names, shown, strict=True))
