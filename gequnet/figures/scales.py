"""Figure of a score, and of the agreement of masks, at several test scales."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from gequnet.figures.style import LARGE, NORMAL, line_style, save, shared_legend, style_axes

Points = Sequence[tuple[float, float, float]]


def plot_scales(
    scores: Mapping[str, Points],
    agreements: Mapping[str, Points],
    floor: Sequence[tuple[float, float]],
    out: Path,
    score: str = "Dice",
) -> None:
    """Draw the score against the scale, and beside it the agreement of masks across scales.

    Args:
        scores: for each network (scale, mean score, standard deviation over seeds; nan for one seed).
        agreements: for each network the same for the agreement of masks.
        floor: (scale, agreement of the truth with itself), drawn grey. A better agreement cannot be measured.
        out: path of the PNG.
        score: name of the score.
    """
    figure = Figure(figsize=(9.6, 4.4), dpi=150, layout="constrained")
    left, right = figure.subplots(1, 2)
    _lines(left, scores, f"{score} at other scales")
    _lines(right, agreements, "agreement of f(s·x) with s·f(x)")
    if floor:
        right.plot(*zip(*sorted(floor), strict=True), label="truth", color="0.6", linewidth=1.0, zorder=1)
    shared_legend(figure, right)
    save(figure, out)


def _lines(axes: Axes, lines: Mapping[str, Points], title: str) -> None:
    axes.set_title(title, fontsize=LARGE)
    for index, (name, points) in enumerate(lines.items()):
        scales, means, deviations = zip(*sorted(points), strict=True)
        axes.errorbar(
            scales, means, deviations, label=name, capsize=2, markersize=4, linewidth=1.2, **line_style(index)
        )
    shown = sorted({scale for points in lines.values() for scale, *_ in points})
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(shown))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("magnification of the test images", fontsize=NORMAL)
    style_axes(axes)
