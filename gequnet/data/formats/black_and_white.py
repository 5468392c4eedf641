"""Masks of one class: black and white, or levels on both sides of a threshold."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Shaped, UInt8

from gequnet.data.errors import UnexpectedMaskValuesError
from gequnet.data.formats.mask_advice import fitting_lines
from gequnet.data.formats.mask_settings import MaskValue
from gequnet.data.formats.mask_threshold import check_threshold
from gequnet.data.formats.mask_values import MaskValues, plain, shares_of
from gequnet.data.formats.white_level import white_level


def binarise(
    values: MaskValues,
    threshold: int | float | None = None,
    ignore: Sequence[MaskValue] = (),
    advice: str | None = None,
) -> tuple[UInt8[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:
    """Convert the values of a mask to 0 and 1, and to valid pixels.

    Args:
        values: Values of the file.
        threshold: Grey level above which a pixel is white; with None all values but black and white are errors.
        ignore: Values of pixels that are not looked at; they become 0 and not valid.
        advice: Advice in the error; None for the lines of a configuration that would fit.

    Raises:
        UnexpectedMaskValuesError: If there are other values, or none on one side of the threshold.
    """
    greys, numbers = values.greys, values.numbers
    named = greys if numbers is None else numbers
    valid = np.ones(values.channels.shape[1:], bool) if named is None else ~_pixels_of(named, ignore)
    if threshold is not None and greys is not None:
        check_threshold(values, greys[valid], threshold, ignore, advice)
        return (valid & (greys > threshold)).astype(np.uint8), valid
    white = _white_pixels(values, valid)
    if white is not None:
        return (valid & white).astype(np.uint8), valid
    shares = values.shares() if numbers is None else shares_of(numbers[valid])
    fitting = fitting_lines(shares, values.palette is None, ignore, threshold is not None)
    expected = "two values, black and white (0 and 255, or 0 and 1)"
    raise UnexpectedMaskValuesError(values.path, shares, expected, advice or fitting)


def _white_pixels(values: MaskValues, valid: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"] | None:
    """White pixels among black ones, as a viewer shows them, or number 1 of a palette; None if there are others.

    Some files of DRIVE have a palette of nearly black and nearly white.
    """
    greys, numbers = values.greys, values.numbers
    if greys is not None:
        greatest = int(np.iinfo(greys.dtype).max) if greys.dtype.kind in "iu" else 255
        white = white_level(np.unique(greys[valid]).tolist(), greatest)
        if white is not None:
            return np.equal(greys, white)
    if values.palette is None or numbers is None or not set(np.unique(numbers[valid]).tolist()) <= {0, 1}:
        return None
    return np.equal(numbers, 1)


def _pixels_of(levels: Shaped[np.ndarray, "h w"], named: Sequence[MaskValue]) -> Bool[np.ndarray, "h w"]:
    """Pixels with one of these values, which are compared as numbers of Python: those do not wrap."""
    if not named:
        return np.zeros(levels.shape, bool)
    found, places = np.unique(levels, return_inverse=True)
    return np.array([plain(value) in named for value in found.tolist()], bool)[places].reshape(levels.shape)
