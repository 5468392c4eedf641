"""Figure of confusion matrices."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gequnet.figures.style import LARGE, NORMAL, SMALL, save

COLUMNS = 4
NUMBERED = 12  # most classes for which numbers are drawn; with more they would not be legible


def plot_confusion(matrices: Mapping[str, np.ndarray], names: Mapping[str, Sequence[str]], out: Path) -> None:
    """Draw each matrix in percent of the pixels of its true class (each row adds up to 100).

    Args:
        matrices: for each region, by name, the numbers of pixels [truth, predicted].
        names: for each region the names of its classes.
        out: path of the PNG.
    """
    columns = min(COLUMNS, len(matrices))
    rows = -(-len(matrices) // columns)
    side = 1.6 + 0.45 * max(len(matrix) for matrix in matrices.values())
    figure = Figure(figsize=(columns * side + 0.6, rows * side + 0.4), dpi=150, layout="constrained")
    places = figure.subplots(rows, columns, squeeze=False).flat
    for axes, region in zip(places, matrices, strict=False):
        _draw(axes, matrices[region], names[region])
        axes.set_title(region if len(matrices) > 1 else "% of each true class", fontsize=LARGE)
    for axes in list(places)[len(matrices) :]:
        axes.set_axis_off()
    save(figure, out)


def _draw(axes: Axes, matrix: np.ndarray, names: Sequence[str]) -> None:
    percent = 100 * matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    axes.imshow(percent, cmap="Blues", vmin=0, vmax=100)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", fontsize=SMALL)
    axes.set_yticks(range(len(names)), names, fontsize=SMALL)
    axes.set_xlabel("predicted", fontsize=NORMAL)
    axes.set_ylabel("truth", fontsize=NORMAL)
    if len(names) <= NUMBERED:
        for (row, column), value in np.ndenumerate(percent):
            colour = "white" if value > 50 else "black"
            axes.text(column, row, f"{value:.1f}", ha="center", va="center", fontsize=SMALL, color=colour)
