"""Values of masks as they are typed in a configuration: classes, ignored pixels and a threshold."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from gequnet.data.formats.mask_values import plain
from gequnet.errors import ConfigError

MaskValue = int | float | Sequence[int]
"""Value of a class in a file: a number, which is a grey level or an index of the file's palette, or a colour
``[r, g, b]`` from 0 to 255."""


def class_values(palette: Any) -> dict[str, MaskValue]:
    """Value of each class of ``data.source.palette``, background first.

    >>> class_values({"background": 0, "roof": [255, 0, 0]})
    {'background': 0, 'roof': [255, 0, 0]}
    """
    if not isinstance(palette, Mapping):
        raise ConfigError(f"data.source.palette={palette} names no classes: give {{background:0,foreground:255}}, say.")
    return {str(name): _value(value, f"data.source.palette.{name}") for name, value in palette.items()}


def ignored_values(ignore: Any) -> list[MaskValue]:
    """Values of ``data.source.ignore``: none, one or a list.

    >>> ignored_values(255.0), ignored_values([0, [9, 9, 9]]), ignored_values(None)
    ([255], [0, [9, 9, 9]], [])
    """
    listed = ignore if isinstance(ignore, Sequence) and not isinstance(ignore, str) else [ignore]
    return [] if ignore is None else [_value(value, "data.source.ignore") for value in listed]


def threshold_level(threshold: Any) -> int | float | None:
    """Level of ``data.source.threshold``; None for none."""
    if threshold is None or (is_number(threshold) and math.isfinite(threshold)):
        return None if threshold is None else plain(threshold)
    raise ConfigError(f"data.source.threshold={threshold} is no grey level: give a number, such as 127, or null.")


def is_number(value: Any) -> bool:
    """True for a number that is not a truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_level(value: Any) -> bool:
    """True for a whole number from 0 to 255."""
    return is_number(value) and plain(value) in range(256)


def _value(value: Any, name: str) -> MaskValue:
    if is_number(value):
        return plain(value)
    if isinstance(value, Sequence) and len(value) == 3 and all(map(is_level, value)):
        return [int(level) for level in value]
    expected = "a number, or a colour [r,g,b] of three whole numbers from 0 to 255"
    raise ConfigError(f"{name}={value} is no value of a mask: give {expected}.")
