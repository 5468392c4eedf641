"""Figure of score against cost: networks as points, with their Pareto front."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from gequnet.figures.style import NORMAL, line_style, save, shared_legend, style_axes


def plot_pareto(
    scores: Mapping[str, tuple[float, float]], costs: Mapping[str, Mapping[str, float]], out: Path, score: str = "Dice"
) -> None:
    """Draw a panel for each cost, on a logarithmic axis, with a step line along the front.

    Args:
        scores: mean and standard deviation of each network (nan for one seed).
        costs: for each kind of cost the cost of each network, above 0; nan leaves the network out of that panel.
        out: path of the PNG.
        score: name of the score.
    """
    lines = math.ceil(len(costs) / 2)
    figure = Figure(figsize=(8.4, 3.3 * lines + 0.5), dpi=150, layout="constrained")
    first: Axes | None = None
    for index, (name, values) in enumerate(costs.items()):
        axes = figure.add_subplot(lines, min(2, len(costs)), index + 1, sharey=first)
        first = first or axes
        axes.set_xlabel(name, fontsize=NORMAL)
        axes.set_ylabel(score, fontsize=NORMAL)
        _points(axes, scores, values)
        _logarithmic(axes, [value for value in values.values() if value > 0])
        style_axes(axes)
    if first:
        shared_legend(figure, first)
    save(figure, out)


def pareto_front(costs: Float[np.ndarray, " n"], scores: Float[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    """Points of the Pareto front: no other point is cheaper and at least as good, or better and at most as costly.

    >>> pareto_front(np.array([1.0, 2.0, 3.0, 2.0]), np.array([0.5, 0.7, 0.6, 0.6]))
    array([ True,  True, False, False])
    """
    cheaper, dearer = costs[:, None] <= costs, costs[:, None] < costs
    better, strictly = scores[:, None] >= scores, scores[:, None] > scores
    beaten = (cheaper & better & (dearer | strictly)).any(0)
    return ~beaten & ~np.isnan(costs) & ~np.isnan(scores)


def _points(axes: Axes, scores: Mapping[str, tuple[float, float]], costs: Mapping[str, float]) -> None:
    for index, (name, (mean, deviation)) in enumerate(scores.items()):
        style = line_style(index)
        spread = None if np.isnan(deviation) else deviation
        axes.errorbar(costs[name], mean, spread, label=name, capsize=2, **(style | {"linestyle": "none"}))
    names = list(scores)
    x, y = np.array([costs[name] for name in names]), np.array([scores[name][0] for name in names])
    front = pareto_front(x, y)
    order = np.argsort(x[front])
    axes.step(x[front][order], y[front][order], where="post", color="0.6", linewidth=1.0, zorder=1)


def _logarithmic(axes: Axes, values: Sequence[float]) -> None:
    # Space on both sides, and plain numbers even if the range is narrow.
    axes.set_xscale("log")
    axes.set_xlim(min(values) / 2, max(values) * 2)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axes.xaxis.set_minor_locator(NullLocator())
