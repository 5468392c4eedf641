"""Conversion of the values of a file to float32, or the refusal of those that it cannot hold."""

from pathlib import Path

import numpy as np
from jaxtyping import Float32, Shaped

from gequnet.data.formats.image_file import UnfitImageError

WHOLE = 2**24
"""Greatest number up to which float32 holds all whole numbers."""
SURE = 2**53
"""The same of float64, in which whole numbers are compared."""
DETAIL = 2.0**-13
"""Share of the range of a channel above which its rounding to float32, of 6e-8, would be seen."""


def as_float32(
    values: Shaped[np.ndarray, "c *space"], path: Path, complete: bool = True
) -> Float32[np.ndarray, "c *space"]:
    """Values as float32: whole numbers exactly, and decimal numbers rounded by 6e-8 of their size.

    Args:
        values: Channels of the file.
        path: The file, for the error.
        complete: True for a whole image, in whose channels the rounding must not hide differences of values; in a
            window it may, as no other window is known.

    Raises:
        UnfitImageError: If a finite value is too large, a whole number is changed, or differences are lost.
    """
    with np.errstate(over="ignore", under="ignore"):
        numbers = values.astype(np.float32)
    kind, size = values.dtype.kind, values.dtype.itemsize
    if size < 4 or (kind == "f" and size == 4):
        return numbers
    if kind in "iu":
        _check_whole(values, numbers, path)
        return numbers
    _check_finite(values, numbers, path)
    for channel, rounded in zip(values, numbers, strict=True) if complete else ():
        _check_detail(channel, rounded, path)
    return numbers


def _check_whole(values: Shaped[np.ndarray, "..."], numbers: Float32[np.ndarray, "..."], path: Path) -> None:
    if int(values.min(initial=0)) >= -WHOLE and int(values.max(initial=0)) <= WHOLE:
        return
    rounded = numbers.astype(np.float64)
    changed = (rounded != values) | (np.abs(rounded) > SURE)
    if changed.any():
        came = f"has whole numbers such as {values[changed].flat[0]}, which float32 would round"
        raise UnfitImageError(path, came, f"whole numbers up to {WHOLE}", "subtract a constant, or save fewer digits")


def _check_finite(values: Shaped[np.ndarray, "..."], numbers: Float32[np.ndarray, "..."], path: Path) -> None:
    if (np.isinf(numbers) & np.isfinite(values)).any():
        largest = np.abs(values[np.isfinite(values)]).max()
        raise UnfitImageError(path, f"has values up to {largest:.3g}", "values of float32", "divide them by a constant")


def _check_detail(values: Shaped[np.ndarray, "..."], numbers: Float32[np.ndarray, "..."], path: Path) -> None:
    finite = np.isfinite(values)
    known, rounded = values[finite], numbers[finite]
    if not known.size or np.array_equal(known, rounded):
        return
    least, greatest = known.min(), known.max()
    vanished = least == greatest and not rounded.any()
    if vanished or (least < greatest and np.abs(known - rounded).max() > DETAIL * (greatest - least)):
        came = f"has values from {least:.9g} to {greatest:.9g}, whose differences are lost in float32"
        raise UnfitImageError(path, came, "values of float32", "subtract their mean and divide them by their range")
