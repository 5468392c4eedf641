"""Names of the numbers in the tags of a TIFF."""

from enum import Enum


def name_of(value: int) -> str:
    """Name of a kind of pixels or of a compression; the number itself if it has no name.

    >>> name_of(99)
    '99'
    """
    return value.name if isinstance(value, Enum) else str(value)
