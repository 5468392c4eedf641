"""Check of a threshold against the values of a mask: it must divide them, or one side is lost in silence."""

import logging
from collections.abc import Sequence

import numpy as np
from jaxtyping import Shaped

from gequnet.data.errors import UnexpectedMaskValuesError
from gequnet.data.formats.mask_advice import ignore_advice, threshold_line
from gequnet.data.formats.mask_settings import MaskValue
from gequnet.data.formats.mask_values import MaskValues, plain, shares_of
from gequnet.data.formats.white_level import BLACK, WHITE

log = logging.getLogger("gequnet")


def check_threshold(
    values: MaskValues,
    levels: Shaped[np.ndarray, "n"],
    threshold: int | float,
    ignore: Sequence[MaskValue] = (),
    advice: str | None = None,
) -> None:
    """Check that a threshold divides the values of a mask, if it has several; the noise of one colour is let through.

    Args:
        values: The mask.
        levels: Grey levels of its pixels that are not ignored.
        threshold: Grey level above which a pixel is white.
        ignore: Values that the configuration ignores.
        advice: Advice in the error; None for the lines of a configuration that would fit.

    Raises:
        UnexpectedMaskValuesError: If all values are on one side, no value of the type is on the other, or one is NaN.
    """
    low, high = (levels.min().item(), levels.max().item()) if levels.size else (threshold, threshold)
    least, most = _range(levels)
    if low != low:  # NaN, which is on neither side
        fitting = ignore_advice(plain(low), ignore)
        raise UnexpectedMaskValuesError(values.path, shares_of(levels), "numbers", advice or fitting)
    possible = least <= threshold < most
    if possible and (low == high or low <= threshold < high):
        return
    if possible and values.lossy and (high <= BLACK or low >= WHITE):
        _warn(values, low, high, threshold)
        return
    line = threshold_line([low, high] if low < high else [least, most])
    fitting = f"give {line} if its brighter pixels are the foreground, or save it with one value"
    expected = f"values above and below data.source.threshold={threshold}"
    raise UnexpectedMaskValuesError(values.path, shares_of(levels), expected, advice or fitting)


def _range(levels: Shaped[np.ndarray, "n"]) -> tuple[int | float, int | float]:
    """Least and greatest value of the type."""
    if levels.dtype.kind not in "iu":
        return -np.inf, np.inf
    return int(np.iinfo(levels.dtype).min), int(np.iinfo(levels.dtype).max)


def _warn(values: MaskValues, low: int | float, high: int | float, threshold: int | float) -> None:
    log.warning(
        "%s has the values %g to %g, all on one side of data.source.threshold=%s: they are taken for one colour.",
        *(values.path, low, high, threshold),
    )
