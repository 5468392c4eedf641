"""The figures of a report: what there is to draw of these rows, drawn."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gequnet.figures import (
    Difference,
    plot_differences,
    plot_orientation,
    plot_panel,
    plot_pareto,
    plot_patches,
    plot_trainings,
)
from gequnet.report.costs import ACTIVATIONS, FLOPS, PARAMETERS, TIME_PER_IMAGE
from gequnet.report.rows import Row, differences

IMAGES = 3  # in the panel
OF_VOLUMES = (
    "The test volumes at given percentiles of the size of the truth (callbacks.predictions.percentiles), of each the "
    "axial slice with the most truth and the Dice of the whole volume"
)


class Figure(NamedTuple):
    """A picture of the report: its file, beside the page, and what it shows."""

    file: str
    title: str
    caption: str


def draw_all(rows: Sequence[Row], out: Path, images: bool = True) -> Iterator[Figure]:
    """Draws every figure that the rows have something for.

    Args:
        rows: of the comparison.
        out: folder of the report.
        images: whether to draw those that show images of the dataset.
    """
    draws: list[Callable[[Sequence[Row], Path], Figure | None]] = [
        draw_differences,
        draw_pareto,
        draw_patches,
        draw_orientation,
        draw_trainings,
        *([draw_panel] if images else []),
    ]
    for draw in draws:
        if figure := draw(rows, out):
            yield figure


def draw_differences(rows: Sequence[Row], out: Path) -> Figure | None:
    """The intervals of all comparisons."""
    arms = {row.label: row.arm for row in rows}
    lines = [
        Difference(f"{row.label} − {row.reference}", c.mean, c.low, c.high, c.verdict, values[~np.isnan(values)])
        for row in rows
        if (c := row.comparison) and len(values := differences(row.arm, arms[row.reference or ""]))
    ]
    if not lines:
        return None
    plot_differences(lines, out / "differences.png")
    caption = "Mean difference in Dice over the test images with its 95 % interval; each faint mark is an image."
    return Figure("differences.png", "Differences", caption + " Blue is better than the reference, orange worse.")


def draw_pareto(rows: Sequence[Row], out: Path) -> Figure | None:
    """Dice against each cost that was measured for several arms."""
    kinds = (PARAMETERS, FLOPS, ACTIVATIONS, TIME_PER_IMAGE)
    costs = {cost.heading: {row.label: cost.of(row.arm) / cost.unit for row in rows} for cost in kinds}
    costs = {name: values for name, values in costs.items() if not all(np.isnan(list(values.values())))}
    if len(rows) < 2 or not costs:
        return None
    plot_pareto({row.label: _dice(row) for row in rows}, costs, out / "pareto.png")
    caption = "One standard deviation over seeds. On the grey line: the networks that no other beats in both."
    return Figure("pareto.png", "What a score costs", caption)


def draw_patches(rows: Sequence[Row], out: Path) -> Figure | None:
    """Dice against the number of training patches, where that is being compared."""
    lines: dict[str, list[tuple[int, float, float]]] = {}
    for row in rows:
        count = row.arm.first.settings.get("data.num_patches")
        if isinstance(count, int):
            lines.setdefault(_without(row.label, "num_patches"), []).append((count, *_dice(row)))
    if len({count for points in lines.values() for count, *_ in points}) < 2:
        return None
    plot_patches(lines, out / "patches.png")
    caption = (
        "Dice by the number of training patches, every training with as many steps; one standard deviation over seeds."
    )
    return Figure("patches.png", "Dice against number of patches", caption)


def draw_orientation(rows: Sequence[Row], out: Path) -> Figure | None:
    """Dice against the dominant direction, where the data say what it is."""
    tables = {row.label: row.arm.per_image for row in rows}
    if not all("orientation" in table for table in tables.values()):
        return None
    degrees = {label: table["orientation"].to_numpy(dtype=float) for label, table in tables.items()}
    score = rows[0].arm.first.score
    scores = {label: table[score].to_numpy(dtype=float) for label, table in tables.items()}
    plot_orientation(degrees, scores, out / "orientation.png")
    caption = "Mean Dice of the test patches by their dominant direction; bars are standard errors over patches."
    return Figure("orientation.png", "Dice against orientation", caption)


def draw_trainings(rows: Sequence[Row], out: Path) -> Figure | None:
    """The losses of all arms that were trained; further evaluations have no training of their own."""
    trained = {row.label: [] if row.arm.first.evaluation else row.arm.runs for row in rows}
    histories = {label: [run.history for run in runs if not run.history.empty] for label, runs in trained.items()}
    if not any(histories.values()):
        return None
    plot_trainings(histories, out / "curves.png")
    caption = "Training loss of patches, validation loss of whole images; mean and one standard deviation over seeds."
    return Figure("curves.png", "Losses", caption)


def draw_panel(rows: Sequence[Row], out: Path) -> Figure | None:
    """The same test images, or slices of test volumes, under all arms, of each arm the first seed."""
    samples = {row.label: row.arm.first.samples for row in rows}
    samples = {label: found for label, found in samples.items() if found}
    if not samples:
        return None
    first = next(iter(samples.values()))
    common = [name for name in first if all(name in found for found in samples.values())][:IMAGES]
    if not common:
        return None
    plot_panel({label: [found[name] for name in common] for label, found in samples.items()}, out / "panel.png")
    which = "The first test images" if "slice" not in first[common[0]] else OF_VOLUMES
    return Figure("panel.png", "The same images under all networks", f"{which}, of each network its first seed.")


def _dice(row: Row) -> tuple[float, float]:
    values = row.arm.values("test", row.arm.first.score)
    return float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else float("nan")


def _without(label: str, fact: str) -> str:
    return ", ".join(part for part in label.split(", ") if not part.startswith(f"{fact}="))
