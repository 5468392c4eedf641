"""The predictions of one network beside the truth."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from gequnet.figures.samples import in_the_plane
from gequnet.figures.style import LARGE, NORMAL, save
from gequnet.figures.views import Views, legend, name_of, said_dice, show

SIDE = 2.9  # inches of a picture


def plot_predictions(samples: Sequence[Mapping[str, Any]], out: Path, threshold: float = 0.5) -> None:
    """Draws a row for each sample: image, truth, prediction, and where they differ, with the Dice inside ``valid``.

    Of a volume one slice is drawn, and its Dice is that of the whole volume.

    Args:
        samples: as [`Views.of`][gequnet.figures.views.Views.of] takes them, each with an ``id``.
        out: where the PNG goes.
        threshold: of sigmoid probabilities.
    """
    samples = [in_the_plane(sample, threshold) for sample in samples]
    rows = [Views.of(sample, threshold) for sample in samples]
    height = float(np.mean([row.height for row in rows]))
    size = (4 * SIDE + 0.3, len(rows) * (SIDE * height + 0.2) + 0.75)
    figure = Figure(figsize=size, dpi=200, layout="constrained")
    grid = figure.subplots(len(rows), 4, squeeze=False)
    for axes, title in zip(grid[0], ("image", "truth", "prediction", "overlay"), strict=True):
        axes.set_title(title, fontsize=LARGE)
    for line, sample, row in zip(grid, samples, rows, strict=True):
        for axes, picture in zip(line, row[:4], strict=True):
            show(axes, picture, row.aspect)
        line[0].set_ylabel(name_of(sample), fontsize=NORMAL)
        line[3].set_xlabel(said_dice(sample, row), fontsize=NORMAL)
    legend(figure, [sample["valid"] for sample in samples])
    save(figure, out)
