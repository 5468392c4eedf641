"""Level of white among the values of a mask of one class."""

from collections.abc import Collection

BLACK, WHITE = 15, 240
"""Greatest grey level of black and least grey level of white in a mask of exactly two grey levels."""


def white_level(found: Collection[int | float], greatest: int = 255) -> int | float | None:
    """Level of white where the other level is black, or where there is only one; None for other levels.

    Black and white are 0 and 1, 0 and 255, 0 and the greatest value of the type, or two levels near 0 and 255.

    >>> white_level([0, 1]), white_level([5, 250]), white_level([0, 2])
    (1, 250, None)
    """
    for white in (1, 255, greatest):
        if set(found) <= {0, white}:
            return white
    low, high = min(found), max(found)
    return high if len(found) == 2 and 0 <= low <= BLACK and WHITE <= high <= 255 else None
