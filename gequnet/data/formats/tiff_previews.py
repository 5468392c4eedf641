"""Smaller copies of a picture in the same TIFF."""

from collections.abc import Sequence
from typing import Any


def is_preview(series: Any, first: Any) -> bool:
    """True if a series is marked as reduced, or has the sizes of the first one divided by a power of two.

    Args:
        series: Series of tifffile, or a level of one.
        first: The first series of the file.
    """
    small, large = (each.keyframe.shaped[2:4] for each in (series, first))
    return bool(series.keyframe.is_reduced) or _is_halved(large, small)


def _is_halved(large: Sequence[int], small: Sequence[int]) -> bool:
    """True if both sides are halved equally often, each time rounded down or up.

    >>> _is_halved((40, 50), (10, 13)), _is_halved((40, 50), (39, 49)), _is_halved((40, 50), (40, 25))
    (True, False, False)
    """
    factors = [2**step for step in range(1, max(large).bit_length())]
    return any(
        all(side // factor <= less <= -(-side // factor) for side, less in zip(large, small, strict=True))
        for factor in factors
    )
