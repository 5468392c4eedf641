"""Pixels without a measured intensity: not finite, or with a value that stands for no data."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Shaped
from torch import Tensor

from gequnet.data.scene import Scene
from gequnet.errors import ConfigError

Nodata = int | float | Sequence[int | float] | None
"""Value, or values, of pixels without data; None for none."""


def nodata_values(nodata: Any) -> tuple[float, ...]:
    """The values as a tuple.

    Raises:
        ConfigError: If one is no number.

    >>> nodata_values(None), nodata_values(-9999), nodata_values([0, 65535])
    ((), (-9999.0,), (0.0, 65535.0))
    """
    if nodata is None:
        return ()
    values = nodata if isinstance(nodata, Sequence) and not isinstance(nodata, str) else [nodata]
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        raise ConfigError(f"data.source.nodata={nodata} is no number: give one, such as -9999, or a list of them.")
    return tuple(map(float, values))


def measured(image: Shaped[Tensor, "channels *space"], nodata: Nodata = None) -> Bool[Tensor, "*space"]:
    """True where every channel has a finite intensity that is no nodata value.

    >>> measured(torch.tensor([[1.0, torch.nan, 3.0], [4.0, 5.0, -9999.0]]), [-9999]).tolist()
    [True, False, False]
    """
    good = image.isfinite().all(0)
    for value in nodata_values(nodata):
        good &= (image != _in_type_of(image, value)).all(0)
    return good


def is_one_of(values: Shaped[np.ndarray, "..."], numbers: Sequence[int | float]) -> Bool[np.ndarray, "..."]:
    """True where an array has one of some numbers, in the digits of its type; 0.5 is no whole number.

    >>> is_one_of(np.array([0, 1, 255], np.uint8), [0.5, 255, -9999]).tolist()
    [False, False, True]
    """
    with np.errstate(over="ignore"):
        return np.isin(values, [np.array(number, values.dtype) for number in numbers if _fits(number, values.dtype)])


def mark_nodata(scene: Scene, values: Nodata) -> Scene:
    """The scene whose pixels with one of these values, in any channel, are 0 and not valid.

    Args:
        scene: A whole image, with the intensities of its file.
        values: Nodata value or values, in the unit of ``scene.image`` (0 to 255 for 8 bits).
    """
    good = measured(scene.image, values) if nodata_values(values) else None
    if good is None or good.all():
        return scene
    return replace(scene, image=torch.where(good, scene.image, 0), valid=scene.valid & good)


def _in_type_of(image: Tensor, value: float) -> float:
    """The value as it is read from a file of the image's type: -3.4028235e+38 has another last digit in double."""
    return torch.tensor(value, dtype=image.dtype).item() if image.is_floating_point() else value


def _fits(number: int | float, dtype: np.dtype) -> bool:
    """True if a number can occur in an array of this type."""
    if dtype.kind == "f":
        return True
    least, greatest = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return float(number).is_integer() and least <= number <= greatest
