"""Strips and tiles of a page of a TIFF."""

from collections.abc import Sequence


def check_parts(places: Sequence[int], lengths: Sequence[int]) -> None:
    """Check that each strip or tile has both a place and a length, or neither, as one that was never written.

    Raises:
        ValueError: If one has only one of them.
    """
    halves = sum((place == 0) != (length == 0) for place, length in zip(places, lengths, strict=False))
    if halves:
        raise ValueError(f"{halves} of its strips or tiles have a place or a length of 0")
