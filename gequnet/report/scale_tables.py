"""Scores of tests at other scales, as tables and as points of a curve."""

from collections.abc import Sequence

import numpy as np

from gequnet.report.comparisons import Row
from gequnet.report.tables import NOTHING, Table, format_number, marked, mean_and_deviation

AGREEMENT, FLOOR = "agreement", "agreement_floor"
AGREEMENT_NOTE = (
    "Dice of the prediction for a magnified image with the magnified prediction for the image. The row “truth” is the "
    "same for the labels: masks of pixels do not magnify exactly, so this is the best value that can be measured. An "
    "empty prediction agrees with itself: read the table beside the scores."
)


def scales_of(rows: Sequence[Row]) -> list[str]:
    """Scales of all tests, as ``metrics.json`` has them, from small to large."""
    scales = {scale for row in rows for run in row.arm.runs for scale in run.metrics.get("scales") or {}}
    return sorted(scales, key=float)


def scales_table(rows: Sequence[Row]) -> Table:
    """Dice at each scale: mean and standard deviation over seeds."""
    scales = scales_of(rows)
    lines = [
        [marked(row), *(mean_and_deviation(values_at(row, scale, row.arm.first.score)) for scale in scales)]
        for row in rows
        if row.arm.first.metrics.get("scales")
    ]
    note = "The same weights on the test images magnified by the number above; nothing else is changed."
    return Table("Dice at other scales", ["", *scales], lines, [note])


def agreement_table(rows: Sequence[Row]) -> Table:
    """Agreement of masks across scales, of each network and of the truth."""
    scales = [scale for scale in scales_of(rows) if float(scale) != 1]
    tested = [row for row in rows if row.arm.first.metrics.get("scales")]
    lines = [
        [marked(row), *(mean_and_deviation(values_at(row, scale, AGREEMENT)) for scale in scales)] for row in tested
    ]
    if lines:
        floors = [float(values_at(tested[0], scale, FLOOR)[0]) for scale in scales]
        lines.append(["truth", *(NOTHING if np.isnan(floor) else format_number(floor) for floor in floors)])
    return Table("Agreement of masks across scales", ["", *scales], lines if scales else [], [AGREEMENT_NOTE])


def values_at(row: Row, scale: str, name: str) -> np.ndarray:
    """A score at a scale for each seed; nan without a test at that scale."""
    return row.arm.values("scales", scale, name)


def points(row: Row, name: str) -> list[tuple[float, float, float]]:
    """(scale, mean, standard deviation over seeds) of a score, at the scales that all seeds have."""
    values = {float(scale): values_at(row, scale, name) for scale in scales_of([row])}
    return [
        (scale, float(of_seeds.mean()), float(of_seeds.std(ddof=1)) if len(of_seeds) > 1 else float("nan"))
        for scale, of_seeds in values.items()
        if not np.isnan(of_seeds).any()
    ]
