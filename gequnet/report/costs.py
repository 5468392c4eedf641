"""Costs of an arm: the budgets of its network, and its measured times."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gequnet.report.arms import Arm


@dataclass(frozen=True)
class Cost:
    """One kind of cost.

    Args:
        heading: of its column.
        path: keys of ``metrics.json``, from the outside in.
        unit: number of the value's own units in one unit of the heading.
        digits: number of digits after the point; None for whole numbers.
    """

    heading: str
    path: tuple[str, ...]
    unit: float = 1.0
    digits: int | None = None

    def of(self, arm: Arm) -> float:
        """Mean over seeds, in the value's own units; nan where it was not measured."""
        values = arm.values(*self.path)
        if self is PARAMETERS and np.isnan(values).all():
            values = arm.values("parameters")
        times = passes(arm.first.evaluation) if self is FLOPS else 1
        return float(times * values.mean())

    def ratio(self, arm: Arm, reference: Arm | None) -> float:
        """Ratio to the baseline of the width rule for a budget, to the reference for any other cost."""
        measured = arm.values("match", "ratios", self.path[-1]).mean()
        if not np.isnan(measured):
            return float(measured * (passes(arm.first.evaluation) if self is FLOPS else 1))
        return self.of(arm) / self.of(reference) if reference else float("nan")

    def text(self, value: float) -> str:
        """Text in the unit of the heading, with a space between thousands; empty for nan.

        >>> PARAMETERS.text(62913.0), TIME_PER_IMAGE.text(0.0651)
        ('62 913', '65.1')
        """
        if np.isnan(value):
            return ""
        return f"{value / self.unit:,.{self.digits or 0}f}".replace(",", " ")


PARAMETERS = Cost("parameters", ("match", "achieved", "parameters"))
CHANNELS = Cost("channels", ("match", "achieved", "channels"))
FLOPS = Cost("MFLOPs a patch", ("match", "achieved", "flops"), 1e6, 0)
ACTIVATIONS = Cost("activations a patch, MB", ("match", "achieved", "activations"), 1e6, 1)
TIME_PER_STEP = Cost("ms a training step", ("seconds_per_training_step",), 1e-3, 1)
TIME_PER_IMAGE = Cost("ms a test image", ("seconds_per_test_image",), 1e-3, 1)
COSTS = (PARAMETERS, CHANNELS, FLOPS, ACTIVATIONS, TIME_PER_STEP, TIME_PER_IMAGE)


def passes(evaluation: str | None) -> int:
    """Number of forward passes for one prediction: one for each group element of test-time augmentation.

    >>> passes(None), passes("tta_c4"), passes("tta_d4")
    (1, 4, 8)
    """
    group = re.fullmatch(r"tta_([cd])(\d+)", evaluation or "")
    return int(group[2]) * (2 if group[1] == "d" else 1) if group else 1


def budget_mark(match: Mapping[str, object]) -> str:
    """``*`` for a network matched by channels, as in most of the literature, ``†`` for one that missed its budget."""
    return ("*" if match.get("budget") == "channels" else "") + ("†" if match.get("met") is False else "")
