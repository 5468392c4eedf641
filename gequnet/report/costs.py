"""What an arm costs: the budgets of its network, and the time that it took."""

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
        unit: so many of the number's own units make one of the heading's.
        digits: after the point; None for whole numbers.
    """

    heading: str
    path: tuple[str, ...]
    unit: float = 1.0
    digits: int | None = None

    def of(self, arm: Arm) -> float:
        """The mean over seeds, in the number's own units; nan where it was not measured."""
        values = arm.values(*self.path)
        if self is PARAMETERS and np.isnan(values).all():
            values = arm.values("parameters")
        times = passes(arm.first.evaluation) if self is FLOPS else 1
        return float(times * values.mean())

    def ratio(self, arm: Arm, reference: Arm | None) -> float:
        """That of a budget to the baseline of the width rule, that of anything else to the reference."""
        measured = arm.values("match", "ratios", self.path[-1]).mean()
        if not np.isnan(measured):
            return float(measured * (passes(arm.first.evaluation) if self is FLOPS else 1))
        return self.of(arm) / self.of(reference) if reference else float("nan")

    def said(self, value: float) -> str:
        """In the heading's unit, with thousands apart; empty for nan.

        >>> PARAMETERS.said(62913.0), TIME_PER_IMAGE.said(0.0651)
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
    """Forward passes for one answer: one for each element of the group that is averaged over.

    >>> passes(None), passes("tta_c4"), passes("tta_d4")
    (1, 4, 8)
    """
    found = re.fullmatch(r"tta_([cd])(\d+)", evaluation or "")
    return int(found[2]) * (2 if found[1] == "d" else 1) if found else 1


def budget_mark(match: Mapping[str, object]) -> str:
    """``*`` for a network matched by channels, as in the literature, ``†`` for one that missed its budget."""
    return ("*" if match.get("budget") == "channels" else "") + ("†" if match.get("met") is False else "")
