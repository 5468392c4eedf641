"""Tables of a report: rows and columns of text for the pages."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gequnet.metrics.score_record import Score
from gequnet.metrics.scores import SCORES
from gequnet.report.arms import Arm
from gequnet.report.comparisons import Row
from gequnet.report.costs import COSTS, Cost, budget_mark
from gequnet.report.score_descriptions import extra_scores
from gequnet.report.statistics import Comparison

NOTHING = "–"
LOWER = "↓ Lower is better."
NOTES = {
    "surface": "HD95 is the 95th percentile of the distances from surface to surface; where only one of truth and "
    "prediction is empty, the diagonal of the image. Surface Dice is the share of both surfaces that lies within "
    "scoring.tolerance_mm of the other.",
    "partition": "V_rand and V_info compare the cells between membranes, after the membranes were thinned, as the ISBI "
    "2012 challenge does; 1 is perfect. The pixel error is the share of pixels that are wrong.",
}
"""Notes below a table that shows a score of surfaces or of cells, by ``Score.only_with``."""


@dataclass(frozen=True)
class Table:
    """Rows of text; the first column names the row.

    Args:
        title: of the table.
        columns: their headings.
        rows: each with one text for each column.
        notes: sentences below the table.
    """

    title: str
    columns: list[str]
    rows: list[list[str]]
    notes: list[str]


class ScoreColumn(NamedTuple):
    """One column of a table of scores.

    Args:
        heading: with unit and direction.
        keys: names in ``metrics.json``, of which the first that a run has is shown.
        score: the record.
    """

    heading: str
    keys: tuple[str, ...]
    score: Score

    def key(self, tests: Sequence[Mapping[str, float | None]]) -> str | None:
        """The first of ``keys`` that a test has; None if no test has one."""
        return next((key for key in self.keys if any(test.get(key) is not None for test in tests)), None)


def score_columns(scores: Iterable[Score], whole_image: bool = False) -> Iterator[ScoreColumn]:
    """The columns of scores in their order, one for each unit.

    Args:
        scores: the records.
        whole_image: True adds two columns for the whole image after each score that has them: with background outside
            the estimated field of view, and of the network alone.
    """
    for score in scores:
        for unit in score.units:
            name = score.name_in(unit)
            yield ScoreColumn(score.title(unit), (f"{name}_fov", name), score)
        if whole_image and score.over_whole_image:
            yield ScoreColumn(f"{score.heading}, whole image", (f"{score.name}_whole_masked",), score)
            yield ScoreColumn(f"{score.heading}, whole image, network alone", (f"{score.name}_whole",), score)


def scores_table(rows: Sequence[Row]) -> Table:
    """Mean and standard deviation over seeds of each score, and the verdict."""
    tests = [row.arm.first.metrics["test"] for row in rows]
    extra = extra_scores(row.arm.first.metrics for row in rows)
    columns = score_columns((score for score in (*SCORES.values(), *extra) if score.in_table), whole_image=True)
    shown = [(column, key) for column in columns if (key := column.key(tests))]
    lines = [
        [
            marked(row),
            *(mean_and_deviation(row.arm.values("test", key)) for _, key in shown),
            str(len(row.arm.seeds)),
            verdict(row),
        ]
        for row in rows
    ]
    lines += _second_observer(rows[0].arm, [key for _, key in shown])
    headings = ["", *(column.heading for column, _ in shown), "seeds", "Dice against the reference"]
    notes = [*footnotes(rows), *_score_notes([column.score for column, _ in shown], extra)]
    return Table("Scores on the test images", headings, lines, notes)


def classes_table(rows: Sequence[Row]) -> Table:
    """Mean and standard deviation over seeds of some scores, for each of several classes or regions."""
    tests = [row.arm.first.metrics["test"] for row in rows]
    extra = extra_scores(row.arm.first.metrics for row in rows)
    columns = score_columns(score for score in (*SCORES.values(), *extra) if score.by_class)
    headings: dict[str, str] = {}
    for column in columns:
        name = column.key(tests)
        keys = dict.fromkeys(key for test in tests for key in test if name and key.startswith(f"{name}/"))
        headings |= {key: f"{key.partition('/')[2]}: {column.heading}" for key in keys}
    lines = [
        [marked(row), *(mean_and_deviation(row.arm.values("test", key)) for key in headings)]
        for row in rows
        if headings
    ]
    return Table("Class by class", ["", *headings.values()], lines, [])


def differences_table(rows: Sequence[Row]) -> Table:
    """Each comparison with its interval and its p-values."""
    lines = [_difference(row, row.comparison) for row in rows if row.comparison]
    columns = ["", "less", "difference in Dice", "95 % interval", "images better", "p", "p, Holm", "verdict"]
    return Table("Differences, image by image", columns, lines, [])


def costs_table(rows: Sequence[Row]) -> Table:
    """Each cost, and its ratio to that of the baseline."""
    by_label = {row.label: row.arm for row in rows}
    shown = [cost for cost in COSTS if not all(np.isnan(cost.of(row.arm)) for row in rows)]
    lines = [
        [marked(row), _widths(row.arm), *(_cost(cost, row.arm, by_label.get(row.reference or "")) for cost in shown)]
        for row in rows
    ]
    columns = ["", "widths", *(cost.heading for cost in shown)]
    return Table("Costs", columns, lines, list(footnotes(rows)))


def equivariance_table(rows: Sequence[Row]) -> Table:
    """Equivariance error of each network: of each kind of element the largest, each a mean over seeds."""
    errors = [_errors(row.arm) for row in rows]
    kinds = list(dict.fromkeys(kind for each in errors for kind in each))
    lines = [
        [row.label, *(f"{each[kind]:.1e}" if kind in each else NOTHING for kind in kinds)]
        for row, each in zip(rows, errors, strict=True)
        if each
    ]
    note = (
        "Root mean square of f(g·x) − g·f(x) over the standard deviation of g·f(x), on test images, the largest of "
        "each kind. Turns by other angles interpolate, which is never exact."
    )
    return Table("Equivariance error of the tested networks", ["", *kinds], lines, [note])


def marked(row: Row) -> str:
    """The label, with the marks ``*`` and ``†`` of the footnotes."""
    return row.label + budget_mark(_match(row.arm))


def footnotes(rows: Sequence[Row]) -> Iterator[str]:
    """Sentences that explain the marks."""
    marks = "".join(budget_mark(_match(row.arm)) for row in rows)
    if "*" in marks:
        yield "* As many channels as the baseline, and so fewer parameters: as in most of the literature."
    for row in rows:
        if "†" in budget_mark(_match(row.arm)):
            yield f"† {row.label} missed its budget: {_match(row.arm).get('miss') or 'no reason is recorded'}."


def verdict(row: Row) -> str:
    """Verdict of the comparison in a few words: ``better``, ``worse``, ``reference`` and so on."""
    if row.is_reference:
        return "reference"
    return row.comparison.verdict if row.comparison else "no reference"


def mean_and_deviation(values: np.ndarray, digits: int = 4) -> str:
    """Mean and, for several seeds, standard deviation with n - 1.

    >>> mean_and_deviation(np.array([0.81, 0.83, 0.85])), mean_and_deviation(np.array([0.81]))
    ('.8300 ± .0200', '.8100 ± –')
    """
    if np.isnan(values).any():
        return NOTHING
    deviation = format_number(float(values.std(ddof=1)), digits) if len(values) > 1 else NOTHING
    return f"{format_number(float(values.mean()), digits)} ± {deviation}"


def format_number(value: float, digits: int = 4, sign: bool = False) -> str:
    """Text of a score or a difference, without the zero before the point; a dash for nan.

    >>> format_number(-0.01234), format_number(0.01234, sign=True), format_number(1.0)
    ('−.0123', '+.0123', '1.0000')
    """
    if np.isnan(value):
        return NOTHING
    text = f"{value:{'+' if sign else ''}.{digits}f}"
    return re.sub(r"(^|[+-])0\.", r"\1.", text).replace("-", "−")


def p_value(p: float) -> str:
    """Text of a p-value: four digits after the point, or a bound.

    >>> p_value(0.04999), p_value(0.0001), p_value(1.0)
    ('.0500', '< .001', '1.0000')
    """
    return "< .001" if p < 0.001 else format_number(p)


def _difference(row: Row, comparison: Comparison) -> list[str]:
    low, high = format_number(comparison.low, sign=True), format_number(comparison.high, sign=True)
    return [
        marked(row),
        row.reference or "",
        format_number(comparison.mean, sign=True),
        NOTHING if np.isnan(comparison.low) else f"{low} to {high}",
        f"{comparison.better} of {comparison.images}",
        p_value(comparison.p),
        p_value(comparison.corrected),
        comparison.verdict,
    ]


def _cost(cost: Cost, arm: Arm, reference: Arm | None) -> str:
    value, ratio = cost.of(arm), cost.ratio(arm, reference)
    if np.isnan(value):
        return NOTHING
    return cost.text(value) + ("" if np.isnan(ratio) else f" (×{ratio:.2f})")


def _widths(arm: Arm) -> str:
    return ", ".join(str(width) for width in arm.first.metrics.get("widths") or [NOTHING])


def _match(arm: Arm) -> Mapping[str, object]:
    return arm.first.metrics.get("match") or {}


def _errors(arm: Arm) -> dict[str, float]:
    measured: dict[str, list[float]] = {}
    for element in arm.first.metrics.get("equivariance") or {}:
        kind = "mirrors" if "flip" in element else "quarter turns" if element in ("90°", "180°", "270°") else element
        measured.setdefault(kind, []).append(float(arm.values("equivariance", element, "error").mean()))
    return {kind: max(errors) for kind, errors in measured.items()}


def _score_notes(shown: Sequence[Score], extra: Sequence[Score]) -> Iterator[str]:
    if any(score.lower_is_better for score in shown):
        yield LOWER
    switches = {score.only_with for score in shown}
    yield from (note for switch, note in NOTES.items() if switch in switches)
    yield from (f"{score.heading}: {score.description}." for score in extra if score in shown)


def _second_observer(arm: Arm, names: Sequence[str]) -> list[list[str]]:
    scores = arm.first.metrics.get("second_observer")
    if not scores:
        return []
    values = [scores.get(name) for name in names]
    return [
        ["second observer", *(NOTHING if value is None else format_number(value) for value in values), NOTHING, "human"]
    ]
