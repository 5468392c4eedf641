"""Figure of the curves of one training: losses, validation scores, learning rate."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gequnet.figures.style import BLUE, GREEN, LARGE, LINES, NORMAL, ORANGE, SMALL, moving_mean, save, style_axes

Series = dict[str, tuple[list[int], list[float]]]


def plot_curves(history: Path, out: Path) -> None:
    """Draw the scalars of a training against optimizer steps: losses, validation scores, learning rate.

    The training loss of single batches is drawn faint, with its moving average over 1/25 of the training. A ring marks
    the best ``val/dice``, which belongs to the checkpoint that is tested. A panel without data is left out.

    Args:
        history: CSV with the columns ``step``, ``epoch`` and scalars such as ``train/loss`` and ``val/dice``, empty
            where nothing was logged.
        out: path of the PNG.
    """
    series = _read(history)
    losses = {name: values for name, values in series.items() if name in ("train/loss", "val/loss")}
    scores = {
        name: values
        for name, values in series.items()
        if name.startswith("val/") and name.count("/") == 1 and name != "val/loss"
    }
    rate = {name: values for name, values in series.items() if name == "train/lr"}
    panels = [(draw, data) for draw, data in ((_losses, losses), (_scores, scores), (_rate, rate)) if data]
    figure = Figure(figsize=(4.6 * max(len(panels), 1), 3.4), dpi=150, layout="constrained")
    if not panels:
        figure.text(0.5, 0.5, "nothing was logged", ha="center", va="center", fontsize=LARGE, color="0.4")
    for index, (draw, data) in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), index + 1)
        draw(axes, data)
        axes.set_xlabel("optimizer step", fontsize=NORMAL)
        style_axes(axes)
    save(figure, out)


def _read(history: Path) -> Series:
    series: Series = {}
    with history.open(newline="") as file:
        for row in csv.DictReader(file):
            for name, text in row.items():
                if text and name not in ("step", "epoch"):
                    steps, values = series.setdefault(name, ([], []))
                    steps.append(int(row["step"]))
                    values.append(float(text))
    return series


def _losses(axes: Axes, series: Series) -> None:
    axes.set_title("loss", fontsize=LARGE)
    if "train/loss" in series:
        steps, values = series["train/loss"]
        axes.plot(steps, values, color=BLUE, alpha=0.25, linewidth=0.8)
        axes.plot(steps, moving_mean(values, len(values) // 50), color=BLUE, label="training")
    if "val/loss" in series:
        axes.plot(*series["val/loss"], color=ORANGE, marker="o", markersize=3, label="validation")
    values = [value for _, each in series.values() for value in each]
    if min(values) > 0 and max(values) > 20 * min(values):
        axes.set_yscale("log")
    axes.legend(fontsize=NORMAL, frameon=False)


def _scores(axes: Axes, series: Series) -> None:
    axes.set_title("validation scores", fontsize=LARGE)
    # Dice selects the checkpoint, so it is first in the legend and on top of the others.
    names = sorted(series, key=lambda name: name != "val/dice")
    for index, name in enumerate(names):
        first = name == "val/dice"
        style: dict[str, Any] = {
            "color": LINES[index % len(LINES)],
            "linewidth": 2.0 if first else 1.0,
            "zorder": 4 if first else 3,
        }
        axes.plot(*series[name], label=name.removeprefix("val/"), marker="o", markersize=2.5, **style)
    if "val/dice" in series:
        steps, values = series["val/dice"]
        best = int(np.argmax(values))
        ring: dict[str, Any] = {
            "marker": "o",
            "markersize": 9,
            "markerfacecolor": "none",
            "color": "black",
            "linestyle": "none",
        }
        axes.plot(steps[best], values[best], label=f"best dice {values[best]:.3f}", zorder=5, **ring)
    axes.set_ylim(0, 1.02)
    axes.legend(fontsize=SMALL, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))


def _rate(axes: Axes, series: Series) -> None:
    axes.set_title("learning rate", fontsize=LARGE)
    axes.plot(*series["train/lr"], color=GREEN)
    axes.set_ylim(bottom=0)
    axes.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))
