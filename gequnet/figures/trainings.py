"""Figure of the losses of several trainings."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gequnet.figures.style import LARGE, NORMAL, line_style, moving_mean, save, shared_legend, style_axes

PANELS = {"train/loss": "training loss", "val/loss": "validation loss"}


def plot_trainings(histories: Mapping[str, Sequence[pd.DataFrame]], out: Path) -> None:
    """Draw training and validation loss of each network: the mean over seeds, and one standard deviation as a band.

    Args:
        histories: for each network a table for each seed, by optimizer step, with ``train/loss`` and ``val/loss``. A
            network without tables keeps its colour unused. Training losses are those of single batches; they are drawn
            as a moving average over a tenth of the training.
        out: path of the PNG.
    """
    figure = Figure(figsize=(9.6, 4.2), dpi=150, layout="constrained")
    panels = figure.subplots(1, 2)
    for axes, (column, title) in zip(panels, PANELS.items(), strict=True):
        axes.set_title(title, fontsize=LARGE)
        for index, (name, tables) in enumerate(histories.items()):
            _line(axes, name, [_smooth(table, column) for table in tables if column in table], index)
        axes.set_xlabel("optimizer step", fontsize=NORMAL)
        style_axes(axes)
        values = [float(value) for line in axes.get_lines() for value in np.asarray(line.get_ydata())]
        if values and min(values) > 0 and max(values) > 20 * min(values):
            axes.set_yscale("log")
    shared_legend(figure, panels[0])
    save(figure, out)


def _smooth(table: pd.DataFrame, column: str) -> pd.Series:
    values = table[column].dropna()
    if column == "val/loss":  # a mean over whole images, already smooth
        return values
    return pd.Series(moving_mean(values.tolist(), len(values) // 20), values.index)


def _line(axes: Axes, name: str, series: Sequence[pd.Series], index: int) -> None:
    if not series:
        return
    together = pd.concat(series, axis=1)
    mean, deviation, style = together.mean(axis=1), together.std(axis=1), line_style(index)
    axes.plot(mean.index, mean, label=name, color=style["color"], linestyle=style["linestyle"], linewidth=1.4)
    if len(series) > 1:
        axes.fill_between(mean.index, mean - deviation, mean + deviation, color=style["color"], alpha=0.15, linewidth=0)
