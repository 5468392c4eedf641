"""Rows of a comparison: each arm with its label, its reference, and the comparison of the two."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from gequnet.errors import ConfigError
from gequnet.report.arm_labels import labels
from gequnet.report.arms import Arm, make_arms
from gequnet.report.comparability import effective
from gequnet.report.finished_runs import Run
from gequnet.report.statistics import Comparison, compare


@dataclass(frozen=True)
class Row:
    """An arm in a table.

    Args:
        label: its name.
        arm: its runs.
        reference: label of the arm that it is compared with; its own label if it is the reference; None without one.
        comparison: with the reference; None for the reference itself, and without a reference.
    """

    label: str
    arm: Arm
    reference: str | None
    comparison: Comparison | None = None

    @property
    def is_reference(self) -> bool:
        """True if other arms are compared with this one."""
        return self.reference == self.label


def make_rows(runs: Sequence[Run], varied: Sequence[str] = (), reference: str = "") -> list[Row]:
    """The rows of all arms, each reference before the arms that are compared with it.

    Args:
        runs: comparable ones, in their order.
        varied: names of the settings that are compared beside the network.
        reference: label of the arm that all others are compared with; empty for the rule of ``references``.

    Raises:
        ConfigError: no arm has this label.
    """
    arms = make_arms(runs, varied)
    names = labels(arms)
    chosen = [_named(reference, names)] * len(arms) if reference else references(arms)
    rows = [
        Row(name, arm, None if index is None else names[index])
        for name, arm, index in zip(names, arms, chosen, strict=True)
    ]
    order = sorted(range(len(rows)), key=lambda i: (_place(chosen[i], i), chosen[i] != i))
    return compared([rows[index] for index in order])


def compared(rows: Sequence[Row]) -> list[Row]:
    """The rows with their comparisons, whose p-values are corrected for the number of comparisons."""
    by_label = {row.label: row for row in rows}
    pairs = [(row, by_label[row.reference]) for row in rows if row.reference and not row.is_reference]
    results = compare([differences(row.arm, reference.arm) for row, reference in pairs])
    comparisons = {row.label: comparison for (row, _), comparison in zip(pairs, results, strict=True)}
    return [replace(row, comparison=comparisons.get(row.label)) for row in rows]


def differences(arm: Arm, reference: Arm) -> np.ndarray:
    """Score of each image minus that of the reference, averaged over seeds; nan where one of them has none.

    The differences are rounded to 9 digits: two means of the same numbers may differ in the last bit, and a test of
    ranks would count that as a difference.
    """
    ours, theirs = image_scores(arm).align(image_scores(reference))
    return np.round((ours - theirs).to_numpy(dtype=float), 9)


def image_scores(arm: Arm) -> pd.Series:
    """Dice of each test image; patches with a column ``image`` are averaged over the patches of that image first.

    Patches of one photograph are not independent: counted one by one they would overstate the evidence.
    """
    table, score = arm.per_image, arm.first.score
    return table.groupby("image", sort=False)[score].mean() if "image" in table else table[score]


def references(arms: Sequence[Arm]) -> list[int | None]:
    """Index of the reference of each arm: its own index for a reference, None without one.

    The reference is the plain U-Net with the least augmentation under the same conditions (loss, number of patches,
    ...), and with the same width rule or with the widths that the arm's rule has for its baseline. If only plain
    networks are compared, or none at all, the first arm of a width rule is the reference.
    """
    plain = [index for index, arm in enumerate(arms) if arm.plain]
    candidates = plain or [index for index, arm in enumerate(arms) if arm.first.as_it_is]
    chosen = [_reference(arm, arms, candidates, conditions(arm)) for arm in arms]
    if all(index in (None, own) for own, index in enumerate(chosen)):  # the conditions themselves are compared
        chosen = [_reference(arm, arms, candidates, {}) for arm in arms]
    return chosen


def conditions(arm: Arm) -> dict[str, str]:
    """Facts of an arm that its reference must share: all except width and augmentation."""
    return {name: value for name, value in arm.facts.items() if name not in ("width", "augment")}


def _reference(arm: Arm, arms: Sequence[Arm], candidates: Sequence[int], wanted: Mapping[str, str]) -> int | None:
    known = {index: conditions(arms[index]) for index in candidates}
    alike = [
        index for index in candidates if all(known[index].get(name, wanted[name]) == wanted[name] for name in wanted)
    ]
    same_rule = [index for index in alike if arms[index].facts["width"] == arm.facts["width"]]
    baseline = ((arm.first.metrics.get("match") or {}).get("baseline") or {}).get("widths")
    same_widths = [index for index in alike if arms[index].first.metrics.get("widths") == baseline]
    return min(same_rule or same_widths, key=lambda index: (_augmentation(arms[index]), index), default=None)


def _named(reference: str, names: Sequence[str]) -> int:
    if reference not in names:
        raise ConfigError(f"No arm is called {reference!r}: the arms are {'; '.join(names)}.")
    return names.index(reference)


def _augmentation(arm: Arm) -> int:
    return sum(key.startswith("augment.") for key in effective(arm.first))


def _place(reference: int | None, own: int) -> int:
    return own if reference is None else reference
