"""Figure of a score against the number of training patches, or images."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from gequnet.figures.style import NORMAL, line_style, save, shared_legend, style_axes


def plot_patches(
    lines: Mapping[str, Sequence[tuple[int, float, float]]], out: Path, score: str = "Dice", of: str = "patches"
) -> None:
    """Draw the score against the number of patches, on a logarithmic axis.

    Args:
        lines: for each network (number of patches, mean score, standard deviation over seeds; nan for one seed).
        out: path of the PNG.
        score: name of the score.
        of: name of the unit, ``patches`` or ``images``.
    """
    figure = Figure(figsize=(6.4, 4.4), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    for index, (name, points) in enumerate(lines.items()):
        numbers, means, deviations = zip(*sorted(points), strict=True)
        axes.errorbar(
            numbers, means, deviations, label=name, capsize=2, markersize=4, linewidth=1.2, **line_style(index)
        )
    shown = sorted({number for points in lines.values() for number, *_ in points})
    axes.set_xscale("log")
    axes.set_xticks(shown, [str(number) for number in shown])
    axes.set_xticks([], minor=True)
    axes.set_xlabel(f"training {of}", fontsize=NORMAL)
    axes.set_ylabel(score, fontsize=NORMAL)
    style_axes(axes)
    shared_legend(figure, axes)
    save(figure, out)
