"""What all pictures share: colours, sizes of letters, plain axes.

The colours are those of Okabe and Ito, which people with any of the usual colour deficiencies tell apart.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"
LINES = (BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW)
SMALL, NORMAL, LARGE = 8, 9, 11


def plain(axes: Axes) -> None:
    """Small numbers, a faint grid behind, no frame above and on the right."""
    axes.tick_params(labelsize=SMALL)
    axes.grid(color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def moving_mean(values: Sequence[float], half: int) -> list[float]:
    """Centred means over ``2 half + 1`` values, over fewer at both ends: no lag, nothing made up beyond the data."""
    return [float(np.mean(values[max(0, i - half) : i + half + 1])) for i in range(len(values))]


def save(figure: Figure, out: Path) -> None:
    """Writes the picture, on white, into a folder that need not exist yet."""
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, facecolor="white")
