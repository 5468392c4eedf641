"""Figure of a score by the dominant direction of an image."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from gequnet.figures.style import NORMAL, line_style, save, shared_legend, style_axes

BINS = 12  # of 15°


def plot_orientation(
    degrees: Mapping[str, Float[np.ndarray, " image"]],
    scores: Mapping[str, Float[np.ndarray, " image"]],
    out: Path,
    score: str = "Dice",
) -> None:
    """Draw the mean score by dominant direction, in bins of 15°, with its standard error over images.

    Args:
        degrees: for each network the axial direction of each image: 0 is horizontal, up to 180 counter-clockwise.
        scores: for each network the score of the same images.
        out: path of the PNG.
        score: name of the score.
    """
    figure = Figure(figsize=(7.2, 4.4), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    for index, name in enumerate(degrees):
        centres, means, errors = bin_means(degrees[name], scores[name])
        style: dict[str, Any] = line_style(index) | {"capsize": 2, "markersize": 4, "linewidth": 1.2}
        axes.errorbar(centres, means, errors, label=name, **style)
    axes.set_xlabel("dominant direction of the patch, degrees counter-clockwise from horizontal", fontsize=NORMAL)
    axes.set_ylabel(score, fontsize=NORMAL)
    axes.set(xlim=(0, 180), xticks=range(0, 181, 45))
    style_axes(axes)
    shared_legend(figure, axes)
    save(figure, out)


def bin_means(
    degrees: Float[np.ndarray, " image"], scores: Float[np.ndarray, " image"]
) -> tuple[Float[np.ndarray, " bin"], Float[np.ndarray, " bin"], Float[np.ndarray, " bin"]]:
    """Bin centres, mean score and standard error of each bin.

    The mean of a bin without images is nan, and so is the standard error of a bin with fewer than two.

    >>> centres, means, errors = bin_means(np.array([0.0, 14.0, 182.0, 100.0]), np.array([0.5, 0.7, 0.6, 0.9]))
    >>> float(centres[0]), round(float(means[0]), 6), float(means[6])
    (7.5, 0.6, 0.9)
    """
    width = 180 / BINS
    inside = [scores[(degrees % 180 // width).astype(int) == index] for index in range(BINS)]
    inside = [each[~np.isnan(each)] for each in inside]
    means = np.array([each.mean() if len(each) else np.nan for each in inside])
    errors = np.array([each.std(ddof=1) / np.sqrt(len(each)) if len(each) > 1 else np.nan for each in inside])
    return (np.arange(BINS) + 0.5) * width, means, errors
