"""Figure of the same images with the predictions of several networks."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gequnet.figures.samples import to_plane
from gequnet.figures.style import NORMAL, save
from gequnet.figures.views import Picture, Views, dice_label, overlay_legend, sample_title, show_picture

SIDE = 2.6  # inches of a picture
LETTERS = 28  # line length of a name beside a picture


def plot_panel(samples: Mapping[str, Sequence[Mapping[str, Any]]], out: Path) -> None:
    """Draw a column for each image: the image, the truth, then for each network the overlay with its Dice.

    Args:
        samples: for each network the same images, see [`Views.of`][gequnet.figures.views.Views.of], each with an
            ``id``.
        out: path of the PNG.
    """
    samples = {name: [to_plane(sample) for sample in each] for name, each in samples.items()}
    views = {name: [Views.of(sample) for sample in each] for name, each in samples.items()}
    shown, first = next(iter(views.values())), next(iter(samples.values()))
    height = float(np.mean([view.height for view in shown]))
    size = (len(shown) * SIDE + 0.6, (len(views) + 2) * (SIDE * height + 0.25) + 0.6)
    figure = Figure(figsize=size, dpi=150, layout="constrained")
    grid = figure.subplots(len(views) + 2, len(shown), squeeze=False)
    aspects = [view.aspect for view in shown]
    _line(grid[0], "image", [view.image for view in shown], aspects)
    _line(grid[1], "truth", [view.truth for view in shown], aspects)
    for line, (name, each) in zip(grid[2:], views.items(), strict=True):
        _line(line, name, [view.overlay for view in each], aspects)
        for axes, sample, view in zip(line, first, each, strict=True):
            axes.set_xlabel(dice_label(sample, view), fontsize=NORMAL)
    for axes, sample in zip(grid[0], first, strict=True):
        axes.set_title(sample_title(sample), fontsize=NORMAL)
    overlay_legend(figure, [sample["valid"] for sample in first])
    save(figure, out)


def _line(line: Sequence[Axes] | np.ndarray, name: str, pictures: Sequence[Picture], aspects: Sequence[float]) -> None:
    for axes, picture, aspect in zip(line, pictures, aspects, strict=True):
        show_picture(axes, picture, aspect)
    line[0].set_ylabel(textwrap.fill(name, LETTERS), fontsize=NORMAL)
