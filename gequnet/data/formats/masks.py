"""Readers of mask files: black and white, grey levels, class numbers or colours."""

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
"""Value of a class in a file: a number, which is a grey level or an index of the file's palette, or a colour
``[r, g, b]`` from 0 to 255."""

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
        ignore: Grey levels of pixels that are not valid.
    """

    def __init__(self, threshold: int | None = None, ignore: Iterable[MaskValue] = ()) -> None:
        self.threshold, self.ignore = threshold, list(ignore)
        if not all(isinstance(value, int) for value in self.ignore):
            raise ConfigError(
                f"data.source.ignore={self.ignore} names a colour, and masks of one class are read in shades of grey: "
                "give grey levels, or name the colours of all classes with data.source.palette."
            )

    def read(self, path: Path) -> tuple[UInt8[Tensor, "h w"], Bool[Tensor, "h w"]]:
        """Mask with 1 where the file is white, and valid pixels."""
        with open_picture(path) as picture:
            greys = np.array(apply_exif_orientation(picture).convert("L"))
        ignored = np.isin(greys, self.ignore)
        greys[ignored] = 0
        advice = (
            "set data.source.threshold=127 if brighter pixels are the foreground (of a JPEG, say), or "
            "data.source.palette={<class>:<value>,...} if each value is a class"
        )
        mask = binarise(greys, path, self.threshold, advice)
        return torch.from_numpy(mask), torch.from_numpy(~ignored)


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
        with open_picture(path) as picture:
            codes = self._codes(apply_exif_orientation(picture), path)
        found, places = np.unique(codes, return_inverse=True)
        unknown = [code for code in found.tolist() if code not in self.class_of]
        if unknown:
            raise UnexpectedMaskValuesError(path, [self._shown(code) for code in unknown], *self._expected())
        classes = np.array([self.class_of[code] for code in found.tolist()])[places].reshape(codes.shape)
        return torch.from_numpy(classes.clip(min=0).astype(np.uint8)), torch.from_numpy(classes != IGNORED)

    def _codes(self, picture: Image.Image, path: Path) -> Int64[np.ndarray, "h w"]:
        """Code of each pixel's value; that of a colour is a number in base 256."""
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
