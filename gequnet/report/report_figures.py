"""Figures of a report."""

import shutil
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
    plot_scales,
    plot_trainings,
)
from gequnet.report.comparisons import Row, differences
from gequnet.report.costs import ACTIVATIONS, FLOPS, PARAMETERS, TIME_PER_IMAGE
from gequnet.report.scale_tables import AGREEMENT, FLOOR, points

IMAGES = 3  # in the panel
OF_VOLUMES = (
    "The test volumes at given percentiles of the size of the truth (callbacks.predictions.percentiles), each with the "
    "axial slice with the most foreground and the Dice of the whole volume"
)


class Figure(NamedTuple):
    """A figure of the report: file name in its folder, title and caption."""

    file: str
    title: str
    caption: str


def draw_all(rows: Sequence[Row], out: Path, images: bool = True) -> Iterator[Figure]:
    """Draw every figure that the rows have data for.

    Args:
        rows: of the comparison.
        out: folder of the report.
        images: True to draw the figures that show images of the dataset.
    """
    draws: list[Callable[[Sequence[Row], Path], Figure | None]] = [
        draw_differences,
        draw_pareto,
        draw_patches,
        draw_images,
        draw_scales,
        draw_orientation,
        draw_trainings,
        *([draw_panel, copy_contours] if images else []),
    ]
    for draw in draws:
        if figure := draw(rows, out):
            yield figure


def draw_differences(rows: Sequence[Row], out: Path) -> Figure | None:
    """Draw the intervals of all comparisons."""
    arms = {row.label: row.arm for row in rows}
    lines = [
        Difference(f"{row.label} − {row.reference}", c.mean, c.low, c.high, c.verdict, values[~np.isnan(values)])
        for row in rows
        if (c := row.comparison) and len(values := differences(row.arm, arms[row.reference or ""]))
    ]
    if not lines:
        return None
    plot_differences(lines, out / "differences.png")
    caption = "Mean difference in Dice over the test images with its 95 % interval; each faint mark is one image."
    return Figure("differences.png", "Differences", caption + " Blue: better than the reference; orange: worse.")


def draw_pareto(rows: Sequence[Row], out: Path) -> Figure | None:
    """Draw Dice against each cost that was measured."""
    kinds = (PARAMETERS, FLOPS, ACTIVATIONS, TIME_PER_IMAGE)
    costs = {cost.heading: {row.label: cost.of(row.arm) / cost.unit for row in rows} for cost in kinds}
    costs = {name: values for name, values in costs.items() if not all(np.isnan(list(values.values())))}
    if len(rows) < 2 or not costs:
        return None
    plot_pareto({row.label: _dice(row) for row in rows}, costs, out / "pareto.png")
    caption = "Bars: one standard deviation over seeds. On the grey line: networks that no other beats in both."
    return Figure("pareto.png", "Dice against cost", caption)


def draw_patches(rows: Sequence[Row], out: Path) -> Figure | None:
    """Draw Dice against the number of training patches, if arms differ in it."""
    lines = _by_number(rows, "num_patches", None)
    if not lines:
        return None
    plot_patches(lines, out / "patches.png")
    caption = (
        "Dice by the number of training patches; all trainings have the same number of steps. Bars: one standard "
        "deviation over seeds."
    )
    return Figure("patches.png", "Dice against number of patches", caption)


def draw_images(rows: Sequence[Row], out: Path) -> Figure | None:
    """Draw Dice against the number of training images, if arms differ in it."""
    lines = _by_number(rows, "num_images", rows[0].arm.first.training_images)
    if not lines:
        return None
    plot_patches(lines, out / "images.png", of="images")
    caption = (
        "Dice by the number of training images; all trainings have the same number of steps. Bars: one standard "
        "deviation over seeds."
    )
    return Figure("images.png", "Dice against number of images", caption)


def draw_scales(rows: Sequence[Row], out: Path) -> Figure | None:
    """Draw Dice and agreement of masks against the scale of the test images, if there are several scales."""
    tested = [row for row in rows if len(points(row, AGREEMENT)) > 1]
    if not tested:
        return None
    scores = {row.label: points(row, row.arm.first.score) for row in tested}
    floor = [(scale, mean) for scale, mean, _ in points(tested[0], FLOOR)]
    plot_scales(scores, {row.label: points(row, AGREEMENT) for row in tested}, floor, out / "scales.png")
    caption = (
        "The same weights on the magnified test images: Dice with the truth, and Dice of the prediction for a "
        "magnified image with the magnified prediction for the image. Bars: one standard deviation over seeds."
    )
    return Figure("scales.png", "Dice against scale", caption)


def draw_orientation(rows: Sequence[Row], out: Path) -> Figure | None:
    """Draw Dice against the dominant orientation, if the data have it."""
    tables = {row.label: row.arm.per_image for row in rows}
    if not all("orientation" in table for table in tables.values()):
        return None
    degrees = {label: table["orientation"].to_numpy(dtype=float) for label, table in tables.items()}
    score = rows[0].arm.first.score
    scores = {label: table[score].to_numpy(dtype=float) for label, table in tables.items()}
    plot_orientation(degrees, scores, out / "orientation.png")
    caption = "Mean Dice of the test patches by their dominant orientation. Bars: standard errors over patches."
    return Figure("orientation.png", "Dice against orientation", caption)


def draw_trainings(rows: Sequence[Row], out: Path) -> Figure | None:
    """Draw the losses of all arms, except further evaluations, which have no training of their own."""
    trained = {row.label: [] if row.arm.first.evaluation else row.arm.runs for row in rows}
    histories = {label: [run.history for run in runs if not run.history.empty] for label, runs in trained.items()}
    if not any(histories.values()):
        return None
    plot_trainings(histories, out / "curves.png")
    caption = "Training loss of patches, validation loss of whole images; mean and one standard deviation over seeds."
    return Figure("curves.png", "Losses", caption)


def draw_panel(rows: Sequence[Row], out: Path) -> Figure | None:
    """Draw the predictions of all arms for the same test images, or slices of volumes; the first seed of each arm."""
    samples = {row.label: row.arm.first.samples for row in rows}
    samples = {label: of_run for label, of_run in samples.items() if of_run}
    if not samples:
        return None
    first = next(iter(samples.values()))
    common = [name for name in first if all(name in of_run for of_run in samples.values())][:IMAGES]
    if not common:
        return None
    plot_panel({label: [of_run[name] for name in common] for label, of_run in samples.items()}, out / "panel.png")
    which = "The first test images" if "slice" not in first[common[0]] else OF_VOLUMES
    return Figure("panel.png", "Predictions for the same images", f"{which}; of each network the first seed.")


def copy_contours(rows: Sequence[Row], out: Path) -> Figure | None:
    """Copy the figure of contours of the reference's first run, or of the first arm that has one."""
    for row in sorted(rows, key=lambda row: not row.is_reference):
        if (drawn := row.arm.first.folder / "contours.png").exists():
            shutil.copyfile(drawn, out / "contours.png")
            caption = (
                f"{row.label}, first seed: contours of truth and prediction on the test images with the best, "
                "the median and the worst score."
            )
            return Figure("contours.png", "Best, median and worst", caption)
    return None


def _dice(row: Row) -> tuple[float, float]:
    values = row.arm.values("test", row.arm.first.score)
    return float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else float("nan")


def _by_number(rows: Sequence[Row], fact: str, every: int | None) -> dict[str, list[tuple[int, float, float]]]:
    """(Number, Dice, standard deviation) of each network, if arms differ in that number; ``every`` replaces null."""
    lines: dict[str, list[tuple[int, float, float]]] = {}
    for row in rows:
        count = row.arm.first.settings.get(f"data.{fact}")
        count = every if count is None else count
        if isinstance(count, int):
            lines.setdefault(_without(row.label, fact), []).append((count, *_dice(row)))
    return lines if len({count for points in lines.values() for count, *_ in points}) > 1 else {}


def _without(label: str, fact: str) -> str:
    return ", ".join(part for part in label.split(", ") if not part.startswith(f"{fact}="))
