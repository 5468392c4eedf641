"""Masks as people draw them: black and white, grey levels, numbers or colours, each standing for a class."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Int64, UInt8
from PIL import Image
from torch import Tensor

from gequnet.data.errors import UnexpectedMaskValuesError
from gequnet.data.formats.picture_files import binarise, open_picture
from gequnet.data.formats.pictures import apply_exif_orientation
from gequnet.errors import ConfigError

MaskValue = int | Sequence[int]
"""What stands in a file for a class: a number, which is a grey level or a place in the file's own palette, or a colour
``[r, g, b]`` from 0 to 255."""

IGNORED = -1

ADVICE = "add them to data.source.palette or data.source.ignore, or save the mask without loss"


class MaskReader(ABC):
    """How a mask is read."""

    @abstractmethod
    def read(self, path: Path) -> tuple[UInt8[Tensor, "h w"], Bool[Tensor, "h w"]]:
        """The class of each pixel, and where it counts.

        Raises:
            UnreadableFileError: If the file cannot be decoded.
            UnexpectedMaskValuesError: If it holds something that stands for no class.
        """


class BinaryMaskReader(MaskReader):
    """One class against the background, white on black.

    Args:
        threshold: Greys above it are white; None where there should be none, which are then an error.
        ignore: Greys that are neither.
    """

    def __init__(self, threshold: int | None = None, ignore: Iterable[MaskValue] = ()) -> None:
        self.threshold, self.ignore = threshold, list(ignore)
        if not all(isinstance(value, int) for value in self.ignore):
            raise ConfigError(
                f"data.source.ignore={self.ignore} names a colour, and masks of one class are read in shades of grey: "
                "give grey levels, or name the colours of all classes with data.source.palette."
            )

    def read(self, path: Path) -> tuple[UInt8[Tensor, "h w"], Bool[Tensor, "h w"]]:
        """1 where the mask is white."""
        with open_picture(path) as picture:
            greys = np.array(apply_exif_orientation(picture).convert("L"))
        ignored = np.isin(greys, self.ignore)
        greys[ignored] = 0
        advice = (
            "say data.source.threshold=127 if brighter pixels are the foreground (of a JPEG, say), or "
            "data.source.palette={<class>:<value>,...} if each value is a class"
        )
        mask = binarise(greys, path, self.threshold, advice)
        return torch.from_numpy(mask), torch.from_numpy(~ignored)


class PaletteMaskReader(MaskReader):
    """Several classes, each with a value of its own.

    Args:
        classes: Of each class its value in the files, in the order of their numbers: background first.
        ignore: Values of pixels that do not count.
        advice: What an error tells of values that stand for no class.

    Raises:
        ConfigError: If there are not two classes, or two of one value.
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
        """The number of the class whose value it is; 0, and not valid, where it is ignored."""
        with open_picture(path) as picture:
            codes = self._codes(apply_exif_orientation(picture), path)
        found, places = np.unique(codes, return_inverse=True)
        unknown = [code for code in found.tolist() if code not in self.class_of]
        if unknown:
            raise UnexpectedMaskValuesError(path, [self._shown(code) for code in unknown], *self._expected())
        classes = np.array([self.class_of[code] for code in found.tolist()])[places].reshape(codes.shape)
        return torch.from_numpy(classes.clip(min=0).astype(np.uint8)), torch.from_numpy(classes != IGNORED)

    def _codes(self, picture: Image.Image, path: Path) -> Int64[np.ndarray, "h w"]:
        """One number for each pixel's value; a colour is a number of base 256."""
        if self.in_colour:
            return np.asarray(picture.convert("RGB")).astype(np.int64) @ np.array([1 << 16, 1 << 8, 1])
        if len(picture.getbands()) == 1:
            return np.asarray(picture).astype(np.int64)
        colours = np.asarray(picture.convert("RGB")).astype(np.int64)
        if (colours != colours[..., :1]).any():
            some = [tuple(colour) for colour in np.unique(colours.reshape(-1, 3), axis=0).tolist()]
            raise UnexpectedMaskValuesError(path, some, *self._expected())
        return colours[..., 0]

    def _code(self, value: MaskValue) -> int:
        if not self.in_colour:
            assert isinstance(value, int)
            return value
        red, green, blue = (value,) * 3 if isinstance(value, int) else value
        return (red << 16) + (green << 8) + blue

    def _shown(self, code: int) -> int | tuple[int, ...]:
        return (code >> 16, code >> 8 & 255, code & 255) if self.in_colour else code

    def _expected(self) -> tuple[str, str]:
        values = ", ".join(
            f"{name} {self._shown(code)}"
            for name, code in zip([*self.names, *["ignored"] * len(self.ignore)], self.class_of, strict=True)
        )
        return values, self.advice
