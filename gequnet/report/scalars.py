"""The numbers of a finished run by one grammar: what was done, a slash, what was measured."""

import re
from collections.abc import Mapping
from typing import Any

# Where they stand in metrics.json, from the outside in, and what they are called beside train/loss and test/dice.
PLACES = {
    ("val_best", "dice"): "val/best_dice",
    ("threshold",): "val/threshold",
    ("seconds_per_training_step",): "train/seconds_per_step",
    ("seconds_per_test_image",): "test/seconds_per_image",
    ("wall_seconds",): "train/wall_seconds",
    ("parameters",): "cost/parameters",
}


def scalars(summary: Mapping[str, Any]) -> dict[str, float]:
    """What ``metrics.json`` has beside the scores of the test, which a logger has already.

    Args:
        summary: the content of the file.

    >>> found = scalars({"equivariance": {"22.5°": {"error": 0.2}}, "scales": {"0.6": {"dice": 0.7}}, "parameters": 9})
    >>> found
    {'cost/parameters': 9.0, 'test/equivariance/turn_22_5': 0.2, 'test/scale_0_6/dice': 0.7}
    """
    found = {name: _at(summary, path) for path, name in PLACES.items()}
    for budget, value in summary.get("match", {}).get("achieved", {}).items():
        found[f"cost/{budget}"] = value
    for budget, value in summary.get("match", {}).get("ratios", {}).items():
        found[f"cost/{budget}_ratio"] = value
    for element, numbers in summary.get("equivariance", {}).items():
        found[f"test/equivariance/{element_name(element)}"] = numbers["error"]
    for scale, scores in summary.get("scales", {}).items():
        found |= {f"test/scale_{plain(scale)}/{score}": value for score, value in scores.items()}
    for score, value in summary.get("second_observer", {}).items():
        found[f"second_observer/{score}"] = value
    return {name: float(value) for name, value in found.items() if isinstance(value, int | float)}


def element_name(element: str) -> str:
    """An element of the plane in letters, digits and underscores, all that a dashboard can take.

    >>> element_name("90°"), element_name("22.5°"), element_name("flip+270°")
    ('turn_90', 'turn_22_5', 'flip_270')
    """
    kind = "" if element.startswith("flip") else "turn_"
    return kind + plain(element.replace("°", ""))


def plain(text: str) -> str:
    """A text with underscores for whatever is no letter and no digit.

    >>> plain("0.6")
    '0_6'
    """
    return re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")


def _at(summary: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = summary
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
