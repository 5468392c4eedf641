"""The tables of a report, as texts in rows and columns that a page can show."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gequnet.report.arms import Arm
from gequnet.report.comparisons import Row
from gequnet.report.costs import COSTS, Cost, budget_mark
from gequnet.report.statistics import Comparison

# Heading of a score, and its names in metrics.json: the first that a run has.
SCORES = {
    "Dice": ("dice_fov", "dice"),
    "Dice, whole image": ("dice_whole",),
    "IoU": ("iou_fov", "iou"),
    "sensitivity": ("sensitivity_fov", "sensitivity"),
    "specificity": ("specificity_fov", "specificity"),
    "precision": ("precision_fov", "precision"),
    "balanced accuracy": ("balanced_accuracy_fov", "balanced_accuracy"),
    "clDice": ("cldice_fov", "cldice"),
    "HD95, mm ↓": ("hd95_mm_fov", "hd95_mm"),
    "HD95, pixels ↓": ("hd95_px_fov", "hd95_px"),
    "surface Dice": ("surface_dice_fov", "surface_dice"),
    "ROC AUC": ("roc_auc_fov", "roc_auc"),
    "instance AP": ("instance_ap",),
    "V_rand": ("v_rand_fov", "v_rand"),
    "V_info": ("v_info_fov", "v_info"),
    "pixel error ↓": ("pixel_error_fov", "pixel_error"),
}
OF_CLASSES = ("Dice", "IoU", "HD95, mm ↓", "HD95, pixels ↓", "surface Dice")  # also shown class by class
NOTHING = "–"
SURFACES = (
    "↓ Lower is better: HD95 is the distance from surface to surface that one twentieth exceeds; where only one of "
    "truth and prediction is empty, the diagonal of the image. Surface Dice is the share of both surfaces that lies "
    "within data.tolerance_mm of the other."
)
CELLS = (
    "V_rand and V_info compare the cells that membranes keep apart, after these were thinned, as the ISBI 2012 "
    "challenge does; 1 is perfect. ↓ Lower is better: the pixel error is the share of pixels that are wrong."
)


@dataclass(frozen=True)
class Table:
    """Texts in rows, the first column naming the row.

    Args:
        title: of the table.
        columns: their headings.
        rows: of as many texts as there are columns.
        notes: what there is to say below.
    """

    title: str
    columns: list[str]
    rows: list[list[str]]
    notes: list[str]


def scores_table(rows: Sequence[Row]) -> Table:
    """Mean and standard deviation over seeds of each score, and the verdict."""
    tests = [row.arm.first.metrics["test"] for row in rows]
    names = {heading: _first(keys, tests) for heading, keys in SCORES.items()}
    shown = {heading: name for heading, name in names.items() if name}
    lines = [
        [
            marked(row),
            *(spread(row.arm.values("test", name)) for name in shown.values()),
            str(len(row.arm.seeds)),
            verdict(row),
        ]
        for row in rows
    ]
    lines += _second_observer(rows[0].arm, list(shown.values()))
    columns = ["", *shown, "seeds", "Dice against the reference"]
    about = [SURFACES] if any(heading.startswith("HD95") for heading in shown) else []
    about += [CELLS] if "V_rand" in shown else []
    return Table("Scores on the test images", columns, lines, [*footnotes(rows), *about])


def classes_table(rows: Sequence[Row]) -> Table:
    """Mean and standard deviation over seeds of some scores, for each of several classes or regions."""
    tests = [row.arm.first.metrics["test"] for row in rows]
    names = [name for heading in OF_CLASSES if (name := _first(SCORES[heading], tests))]
    keys = list(dict.fromkeys(key for name in names for test in tests for key in test if key.startswith(f"{name}/")))
    headings = {name: heading for heading in OF_CLASSES for name in SCORES[heading]}
    columns = ["", *(f"{key.partition('/')[2]}: {headings[key.partition('/')[0]]}" for key in keys)]
    lines = [[marked(row), *(spread(row.arm.values("test", key)) for key in keys)] for row in rows if keys]
    return Table("Class by class", columns, lines, [])


def differences_table(rows: Sequence[Row]) -> Table:
    """Every comparison with its interval and its p-values."""
    lines = [_difference(row, row.comparison) for row in rows if row.comparison]
    columns = ["", "less", "difference in Dice", "95 % interval", "images better", "p", "p, Holm", "verdict"]
    return Table("Differences, image by image", columns, lines, [])


def costs_table(rows: Sequence[Row]) -> Table:
    """Every cost, and how many times that of the baseline it is."""
    by_label = {row.label: row.arm for row in rows}
    shown = [cost for cost in COSTS if not all(np.isnan(cost.of(row.arm)) for row in rows)]
    lines = [
        [marked(row), _widths(row.arm), *(_cost(cost, row.arm, by_label.get(row.reference or "")) for cost in shown)]
        for row in rows
    ]
    columns = ["", "widths", *(cost.heading for cost in shown)]
    return Table("Costs", columns, lines, list(footnotes(rows)))


def equivariance_table(rows: Sequence[Row]) -> Table:
    """How far each network is from commuting with turns and mirrors: the mean over seeds of the worst of each kind."""
    errors = [_errors(row.arm) for row in rows]
    kinds = list(dict.fromkeys(kind for each in errors for kind in each))
    lines = [
        [row.label, *(f"{each[kind]:.1e}" if kind in each else NOTHING for kind in kinds)]
        for row, each in zip(rows, errors, strict=True)
        if each
    ]
    note = (
        "Root mean square of f(g·x) − g·f(x) over the standard deviation of g·f(x), on test images, the worst of each "
        "kind. Turns by other angles interpolate, which is never exact."
    )
    return Table("Equivariance error of the tested networks", ["", *kinds], lines, [note])


def marked(row: Row) -> str:
    """The label, with ``*`` and ``†`` as in the footnotes."""
    return row.label + budget_mark(_match(row.arm))


def footnotes(rows: Sequence[Row]) -> Iterator[str]:
    """What the marks mean."""
    marks = "".join(budget_mark(_match(row.arm)) for row in rows)
    if "*" in marks:
        yield "* As many channels as the baseline, and so fewer parameters: how most of the literature compares."
    for row in rows:
        if "†" in budget_mark(_match(row.arm)):
            yield f"† {row.label} missed its budget: {_match(row.arm).get('miss') or 'no reason is given'}."


def verdict(row: Row) -> str:
    """One or two words; where a network loses they say so."""
    if row.is_reference:
        return "reference"
    return row.comparison.verdict if row.comparison else "no reference"


def spread(values: np.ndarray, digits: int = 4) -> str:
    """Mean and, of several seeds, standard deviation with n - 1.

    >>> spread(np.array([0.81, 0.83, 0.85])), spread(np.array([0.81]))
    ('.8300 ± .0200', '.8100 ± –')
    """
    if np.isnan(values).any():
        return NOTHING
    deviation = number(float(values.std(ddof=1)), digits) if len(values) > 1 else NOTHING
    return f"{number(float(values.mean()), digits)} ± {deviation}"


def number(value: float, digits: int = 4, sign: bool = False) -> str:
    """A score or a difference, without the zero before the point; a dash for nan.

    >>> number(-0.01234), number(0.01234, sign=True), number(1.0)
    ('−.0123', '+.0123', '1.0000')
    """
    if np.isnan(value):
        return NOTHING
    text = f"{value:{'+' if sign else ''}.{digits}f}"
    return re.sub(r"(^|[+-])0\.", r"\1.", text).replace("-", "−")


def p_value(p: float) -> str:
    """Three digits behind the point, or a bound.

    >>> p_value(0.04999), p_value(0.0001), p_value(1.0)
    ('.0500', '< .001', '1.0000')
    """
    return "< .001" if p < 0.001 else number(p)


def _difference(row: Row, found: Comparison) -> list[str]:
    span = f"{number(found.low, sign=True)} to {number(found.high, sign=True)}" if not np.isnan(found.low) else NOTHING
    evidence = [f"{found.better} of {found.images}", p_value(found.p), p_value(found.corrected), found.verdict]
    return [marked(row), row.reference or "", number(found.mean, sign=True), span, *evidence]


def _cost(cost: Cost, arm: Arm, reference: Arm | None) -> str:
    value, ratio = cost.of(arm), cost.ratio(arm, reference)
    if np.isnan(value):
        return NOTHING
    return cost.said(value) + ("" if np.isnan(ratio) else f" (×{ratio:.2f})")


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


def _first(names: Sequence[str], tests: Sequence[Mapping[str, float]]) -> str | None:
    return next((name for name in names if any(test.get(name) is not None for test in tests)), None)


def _second_observer(arm: Arm, names: Sequence[str]) -> list[list[str]]:
    scores = arm.first.metrics.get("second_observer")
    if not scores:
        return []
    values = [scores.get(name) for name in names]
    return [["second observer", *(NOTHING if value is None else number(value) for value in values), NOTHING, "human"]]
