"""Figure of the predictions of one network beside the truth."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from gequnet.figures.samples import to_plane
from gequnet.figures.style import LARGE, NORMAL, save
from gequnet.figures.views import Views, dice_label, overlay_legend, sample_title, show_picture

SIDE = 2.9  # inches of a picture


def plot_predictions(samples: Sequence[Mapping[str, Any]], out: Path, threshold: float = 0.5) -> None:
    """Draw a row for each sample: image, truth, prediction and overlay, with the Dice inside ``valid``.

    Of a volume one slice is drawn, with the Dice of the whole volume.

    Args:
        samples: see [`Views.of`][gequnet.figures.views.Views.of], each with an ``id``.
        out: path of the PNG.
        threshold: of sigmoid probabilities.
    """
    samples = [to_plane(sample, threshold) for sample in samples]
    rows = [Views.of(sample, threshold) for sample in samples]
    height = float(np.mean([row.height for row in rows]))
    size = (4 * SIDE + 0.3, len(rows) * (SIDE * height + 0.2) + 0.75)
    figure = Figure(figsize=size, dpi=200, layout="constrained")
    grid = figure.subplots(len(rows), 4, squeeze=False)
    for axes, title in zip(grid[0], ("image", "truth", "prediction", "overlay"), strict=True):
        axes.set_title(title, fontsize=LARGE)
    for line, sample, row in zip(grid, samples, rows, strict=True):
        for axes, picture in zip(line, row[:4], strict=True):
            show_picture(axes, picture, row.aspect)
        line[0].set_ylabel(sample_title(sample), fontsize=NORMAL)
        line[3].set_xlabel(dice_label(sample, row), fontsize=NORMAL)
    overlay_legend(figure, [sample["valid"] for sample in samples])
    save(figure, out)
