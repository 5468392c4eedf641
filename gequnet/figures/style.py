"""Common style of all figures: colours, font sizes, axes, legend.

The colours are those of Okabe and Ito; they can be told apart with any of the usual colour deficiencies.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"
LINES = (BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW)
DASHES, MARKERS = ("-", "--", ":"), ("o", "s", "D")
SMALL, NORMAL, LARGE = 8, 9, 11


def style_axes(axes: Axes) -> None:
    """Give axes small tick labels, a faint grid, and no frame at the top and on the right."""
    axes.tick_params(labelsize=SMALL)
    axes.grid(color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def moving_mean(values: Sequence[float], half: int) -> list[float]:
    """Centred means over ``2 half + 1`` values, and over fewer at both ends: without lag and without padding."""
    return [float(np.mean(values[max(0, i - half) : i + half + 1])) for i in range(len(values))]


def save(figure: Figure, out: Path) -> None:
    """Write the figure on white; create the folder if needed."""
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, facecolor="white")


def line_style(index: int) -> dict[str, Any]:
    """Colour, dashes and marker of the line with this index: 18 different styles, the first six by colour alone.

    >>> line_style(0), line_style(6)
    ({'color': '#0072B2', 'linestyle': '-', 'marker': 'o'}, {'color': '#0072B2', 'linestyle': '--', 'marker': 's'})
    """
    lap = index // len(LINES) % len(DASHES)
    return {"color": LINES[index % len(LINES)], "linestyle": DASHES[lap], "marker": MARKERS[lap]}


def shared_legend(figure: Figure, axes: Axes) -> None:
    """Draw one legend for all panels, below them, in as many columns as fit."""
    handles, names = axes.get_legend_handles_labels()
    letters = max((len(name) for name in names), default=1)
    columns = max(1, min(len(names), int(figure.get_figwidth() * 11 / (letters + 6))))
    figure.legend(handles, names, loc="outside lower center", ncols=columns, fontsize=SMALL, frameon=False)
