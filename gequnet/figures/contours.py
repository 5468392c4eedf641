"""Figure of contours: the borders of truth and prediction on the image."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from skimage.measure import find_contours
from torch import Tensor

from gequnet.figures.samples import Sample, to_plane
from gequnet.figures.style import NORMAL, ORANGE, SKY, save
from gequnet.figures.views import CLASSES, show_picture, stretch_contrast
from gequnet.heads import foreground_classes, target_classes

SIDE = 3.4  # inches of a picture
# The line of the truth is broader and lies below, so that it is a rim of the prediction where both agree. With one
# class they differ in colour; with several the colour is that of the class, and the truth is dashed.
WIDTHS = {"truth": 1.8, "prediction": 1.0}
COLOURS = {"truth": SKY, "prediction": ORANGE}
DASHES: dict[str, Any] = {"truth": (0, (2.5, 1)), "prediction": "-"}
HALO = 0.5  # points of dark on both sides of a line, so that it is visible on a bright image

Line = Float[np.ndarray, "_ 2"]


def outlines(field: Float[np.ndarray, "h w"], valid: Bool[np.ndarray, "h w"] | None = None) -> list[Line]:
    """Zero lines of a field, interpolated linearly between pixels; open at the border of the image.

    Args:
        field: above 0 inside. Inside pixels that share a corner are connected.
        valid: there are no lines where this is False.

    Returns:
        Points (x, y) of each line, in pixels, with the origin at the centre of the first pixel.

    Example:
        >>> field = np.array([[-1.0, -1.0, -1.0], [-1.0, 3.0, -1.0], [-1.0, -1.0, -1.0]])
        >>> outlines(field)[0].tolist()
        [[1.0, 1.75], [0.25, 1.0], [1.0, 0.25], [1.75, 1.0], [1.0, 1.75]]
    """
    if min(field.shape) < 2:
        return []  # a single line of pixels has no contours
    lines = find_contours(field, 0.0, fully_connected="high", mask=valid)
    return [line[:, ::-1] for line in lines]


def plot_contours(
    samples: Sequence[Mapping[str, Any]],
    titles: Sequence[str],
    out: Path,
    head: str,
    threshold: float = 0.5,
    class_names: Sequence[str] = (),
) -> None:
    """Draw a column for each sample: the image, and the image with the borders of truth and prediction.

    Of a volume one slice is drawn, see [`gequnet.figures.samples.slice_of`][].

    Args:
        samples: see [`draw_contours`][].
        titles: one for each sample.
        out: path of the PNG.
        head: ``sigmoid`` or ``softmax``.
        threshold: of sigmoid probabilities.
        class_names: names of the foreground classes; needed if there are several.
    """
    samples = [to_plane(sample, threshold) for sample in samples]
    heights = [_height(sample) for sample in samples]
    size = (len(samples) * SIDE + 0.2, 2 * SIDE * float(np.mean(heights)) + 0.8)
    figure = Figure(figsize=size, dpi=200, layout="constrained")
    grid = figure.subplots(2, len(samples), squeeze=False)
    for above, below, sample, title in zip(*grid, samples, titles, strict=True):
        show_picture(above, stretch_contrast(sample["image"], sample["valid"]), _aspect(sample))
        above.set_title(title, fontsize=NORMAL)
        draw_contours(below, sample, head, threshold)
    _legend(figure, any("mask" in sample for sample in samples), class_names)
    save(figure, out)


def draw_contours(axes: Axes, sample: Sample, head: str, threshold: float = 0.5) -> None:
    """Draw an image with the contours of truth and prediction.

    The contour of a prediction lies where the probability equals the threshold, or for a softmax where another class
    becomes the likeliest. So it lies between pixels. The contour of the truth lies half-way between a pixel inside and
    its neighbour outside. Outside ``valid`` there are no contours.

    Args:
        axes: axes to draw into.
        sample: tensors ``image`` [C, H, W], ``valid`` [H, W] and ``probabilities`` [K, H, W]; also ``mask`` [H, W] or
            [K, H, W] if the truth is known.
        head: ``sigmoid`` or ``softmax``.
        threshold: of sigmoid probabilities.
    """
    show_picture(axes, stretch_contrast(sample["image"], sample["valid"]), _aspect(sample))
    preds = sample["probabilities"]
    fields = {"prediction": _margin(preds, head, threshold)}
    if "mask" in sample:
        truth = target_classes(preds.unsqueeze(0), sample["mask"].unsqueeze(0), head)[0]
        fields = {"truth": truth[foreground_classes(len(preds), head)].float() - 0.5} | fields
    several = len(fields["prediction"]) > 1
    for name, classes in fields.items():
        lines = [outlines(field, sample["valid"].numpy()) for field in classes.numpy()]
        dark = {"color": "black", "alpha": 0.4, "linewidth": WIDTHS[name] + 2 * HALO, "zorder": 1.5}
        _add(axes, chain.from_iterable(lines), **dark)  # below all lines, so that it hides none
        for index, of_class in enumerate(lines):
            _add(axes, of_class, zorder=2, **_style(name, index if several else None))


def _add(axes: Axes, lines: Iterable[Line], **style: Any) -> None:
    axes.add_collection(LineCollection(list(lines), **style), autolim=False)


def _style(name: str, index: int | None) -> dict[str, Any]:
    """Style of the truth or the prediction, for the class with this index, or None for a single class."""
    if index is None:
        return {"color": COLOURS[name], "linewidth": WIDTHS[name]}
    return {"color": CLASSES[index % len(CLASSES)], "linewidth": WIDTHS[name], "linestyle": DASHES[name]}


def _margin(preds: Float[Tensor, "k h w"], head: str, threshold: float) -> Float[Tensor, "classes h w"]:
    """Margin of each foreground class: above 0 where it is predicted, 0 on its border."""
    preds = preds.float()
    if head == "sigmoid":
        return preds - threshold
    likeliest = preds.topk(2, dim=0).values
    others = torch.where(preds == likeliest[0], likeliest[1], likeliest[0])
    return (preds - others)[1:]


def _aspect(sample: Sample) -> float:
    high, wide = sample["spacing"].tolist() if "spacing" in sample else (1.0, 1.0)
    return float(high / wide)


def _height(sample: Sample) -> float:
    rows, columns = sample["valid"].shape
    return float(rows * _aspect(sample) / columns)


def _legend(figure: Figure, labelled: bool, class_names: Sequence[str]) -> None:
    several = len(class_names) > 1
    lines = [
        Line2D([], [], label=name, **(_style(name, 0 if several else None) | ({"color": "0.3"} if several else {})))
        for name in (("truth", "prediction") if labelled else ("prediction",))
    ]
    if several:
        lines += [Line2D([], [], label=name, color=CLASSES[k % len(CLASSES)]) for k, name in enumerate(class_names)]
    figure.legend(handles=lines, loc="outside lower right", ncols=len(lines), fontsize=NORMAL, frameon=False)
