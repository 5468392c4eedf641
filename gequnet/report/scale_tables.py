"""What tests at other scales have found, as tables and as points of a curve."""

from collections.abc import Sequence

import numpy as np

from gequnet.report.comparisons import Row
from gequnet.report.tables import NOTHING, Table, marked, number, spread

AGREEMENT, FLOOR = "agreement", "agreement_floor"
AGREEMENT_NOTE = (
    "Dice of what a network says of a magnified image with what it says of the image, magnified. The truth is the same "
    "of the labels: masks of pixels do not magnify exactly, so a network near it is as good as can be seen. A network "
    "that says nothing agrees with itself: read it beside the scores."
)


def scales_of(rows: Sequence[Row]) -> list[str]:
    """The scales at which any of these was tested, as ``metrics.json`` writes them, from small to large."""
    found = {scale for row in rows for run in row.arm.runs for scale in run.metrics.get("scales") or {}}
    return sorted(found, key=float)


def scales_table(rows: Sequence[Row]) -> Table:
    """Dice at each scale: mean and standard deviation over seeds."""
    scales = scales_of(rows)
    lines = [
        [marked(row), *(spread(values_at(row, scale, row.arm.first.score)) for scale in scales)]
        for row in rows
        if row.arm.first.metrics.get("scales")
    ]
    note = "The same weights on the test images magnified by the number above, everything else as it was."
    return Table("Dice at other scales", ["", *scales], lines, [note])


def agreement_table(rows: Sequence[Row]) -> Table:
    """How well masks agree across scales, and how well the truth does."""
    scales = [scale for scale in scales_of(rows) if float(scale) != 1]
    tested = [row for row in rows if row.arm.first.metrics.get("scales")]
    lines = [[marked(row), *(spread(values_at(row, scale, AGREEMENT)) for scale in scales)] for row in tested]
    if lines:
        floors = [float(values_at(tested[0], scale, FLOOR)[0]) for scale in scales]
        lines.append(["truth", *(NOTHING if np.isnan(floor) else number(floor) for floor in floors)])
    return Table("Agreement of masks across scales", ["", *scales], lines if scales else [], [AGREEMENT_NOTE])


def values_at(row: Row, scale: str, name: str) -> np.ndarray:
    """A score at a scale, for each seed; nan where it was not tested."""
    return row.arm.values("scales", scale, name)


def points(row: Row, name: str) -> list[tuple[float, float, float]]:
    """(scale, mean, standard deviation over seeds) of a score, at the scales at which all seeds were tested."""
    values = {float(scale): values_at(row, scale, name) for scale in scales_of([row])}
    return [
        (scale, float(of_seeds.mean()), float(of_seeds.std(ddof=1)) if len(of_seeds) > 1 else float("nan"))
        for scale, of_seeds in values.items()
        if not np.isnan(of_seeds).any()
    ]
