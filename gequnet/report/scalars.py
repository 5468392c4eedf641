"""Scalars of a finished run for loggers, named ``stage/measurement``."""

import math
import re
from collections.abc import Mapping
from typing import Any

# Keys in metrics.json, from the outside in, and the name of the scalar.
PLACES = {
    ("val_best", "dice"): "val/best_dice",
    ("threshold",): "val/threshold",
    ("seconds_per_training_step",): "train/seconds_per_step",
    ("seconds_per_test_image",): "test/seconds_per_image",
    ("wall_seconds",): "train/wall_seconds",
    ("parameters",): "cost/parameters",
}


def scalars(summary: Mapping[str, Any]) -> dict[str, float]:
    """Scalars of ``metrics.json`` except the scores of the test, which a logger already has.

    Args:
        summary: the content of the file.

    >>> values = scalars({"equivariance": {"22.5°": {"error": 0.2}}, "scales": {"0.6": {"dice": 0.7}}, "parameters": 9})
    >>> values
    {'cost/parameters': 9.0, 'test/equivariance/turn_22_5': 0.2, 'test/scale_0_6/dice': 0.7}
    """
    values = {name: _at(summary, path) for path, name in PLACES.items()}
    match = summary.get("match") or {}
    for budget, value in (match.get("achieved") or {}).items():
        values[f"cost/{budget}"] = value
    for budget, value in (match.get("ratios") or {}).items():
        values[f"cost/{budget}_ratio"] = value
    for element, numbers in (summary.get("equivariance") or {}).items():
        values[f"test/equivariance/{element_name(element)}"] = (numbers or {}).get("error")
    for scale, scores in (summary.get("scales") or {}).items():
        values |= {f"test/scale_{identifier(scale)}/{score}": value for score, value in (scores or {}).items()}
    for score, value in (summary.get("second_observer") or {}).items():
        values[f"second_observer/{score}"] = value
    found = {name: float(value) for name, value in values.items() if isinstance(value, int | float)}
    return {name: value for name, value in found.items() if math.isfinite(value)}


def element_name(element: str) -> str:
    """Name of a group element in letters, digits and underscores, as dashboards need it.

    >>> element_name("90°"), element_name("22.5°"), element_name("flip+270°")
    ('turn_90', 'turn_22_5', 'flip_270')
    """
    kind = "" if element.startswith("flip") else "turn_"
    return kind + identifier(element.replace("°", ""))


def identifier(text: str) -> str:
    """A text with underscores in place of all characters but letters and digits.

    >>> identifier("0.6")
    '0_6'
    """
    return re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")


def _at(summary: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = summary
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
