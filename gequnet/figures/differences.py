"""Figure of score differences with their confidence intervals."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from gequnet.figures.style import BLUE, NORMAL, ORANGE, SMALL, save, style_axes

COLOURS = {"better": BLUE, "worse": ORANGE}


class Difference(NamedTuple):
    """One line of the figure: a mean difference, its interval, and the differences of single images in ``values``."""

    label: str
    mean: float
    low: float
    high: float
    verdict: str
    values: Float[np.ndarray, " image"]


def plot_differences(differences: Sequence[Difference], out: Path, score: str = "Dice") -> None:
    """Draw each mean difference with its interval, and a faint dot for each image.

    Args:
        differences: from top to bottom.
        out: path of the PNG.
        score: name of the score.
    """
    figure = Figure(figsize=(7.6, 0.9 + 0.42 * len(differences)), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    axes.axvline(0, color="0.4", linewidth=0.8)
    for line, each in enumerate(differences):
        colour = COLOURS.get(each.verdict, "0.3")
        axes.plot(each.values, np.full(len(each.values), line + 0.22), "|", color="0.75", markersize=5)
        axes.plot([each.low, each.high], [line, line], color=colour, linewidth=2.0, solid_capstyle="butt")
        axes.plot(each.mean, line, "o", color=colour, markersize=5)
    axes.set_yticks(range(len(differences)), [each.label for each in differences])
    axes.set_ylim(len(differences) - 0.4, -0.6)
    axes.set_xlabel(f"difference in {score} (mean, 95 % interval)", fontsize=NORMAL)
    style_axes(axes)
    axes.tick_params(axis="y", labelsize=SMALL, length=0)
    save(figure, out)
