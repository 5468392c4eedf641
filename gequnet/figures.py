"""The pictures of a run: its curves, and its predictions beside the truth.

Drawn through matplotlib's objects, never through pyplot: nothing global changes, no window opens, and any thread may
draw. Colours are those of Okabe and Ito, which people with any of the usual colour deficiencies tell apart.
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from torch import Tensor

from gequnet.heads import foreground_classes, predicted_classes, target_classes
from gequnet.metrics.dice import dice

BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"
LINES = (BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW)
# Of classes: those that the overlay uses for mistakes come last.
CLASSES = (GREEN, PURPLE, YELLOW, BLUE, SKY, ORANGE)
RIGHT, WRONG, MISSED, UNSCORED = (1.0, 1.0, 1.0), (0.90, 0.45, 0.0), (0.34, 0.71, 0.91), (0.45, 0.45, 0.45)
SMALL, NORMAL, LARGE = 8, 9, 11

Series = dict[str, tuple[list[int], list[float]]]
Picture = Float[np.ndarray, "h w 3"]


def plot_curves(history: Path, out: Path) -> None:
    """Draws the scalars of a training against optimizer steps: losses, validation scores, learning rate.

    The training loss is that of single batches, drawn faint, with its moving average over a fiftieth of the
    training. A ring marks the best ``val/dice``, which is the checkpoint that is tested. A panel without data is left
    out.

    Args:
        history: CSV with the columns ``step``, ``epoch`` and scalars such as ``train/loss`` and ``val/dice``, empty
            where nothing was logged.
        out: where the PNG goes.
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
        _plain(axes)
    _save(figure, out)


def plot_predictions(samples: Sequence[Mapping[str, Any]], out: Path, threshold: float = 0.5) -> None:
    """Draws a row for each sample: image, truth, prediction, and where they differ, with the Dice inside ``valid``.

    The image is stretched between the 1st and 99th percentile of its valid pixels; of two, or of more than three
    channels the first is shown. Classes have colours, of overlapping regions the last one lies on top. In the last
    column a wrong class counts as a false positive. Of a volume the slice (along the first axis) with the most
    foreground is shown, while its Dice is that of the whole volume.

    Args:
        samples: each with ``image`` [C, *space], ``mask`` [*space] or [K, *space], ``valid`` [*space],
            ``probabilities`` [K, *space] and ``id``.
        out: where the PNG goes.
        threshold: of sigmoid probabilities.
    """
    rows = [_row(sample, threshold) for sample in samples]
    height, width = np.mean([row[1][0].shape[:2] for row in rows], axis=0)
    side = 2.9
    figure = Figure(
        figsize=(4 * side + 0.3, len(rows) * (side * height / width + 0.2) + 0.75), dpi=200, layout="constrained"
    )
    grid = figure.subplots(len(rows), 4, squeeze=False)
    for axes, title in zip(grid[0], ("image", "truth", "prediction", "overlay"), strict=True):
        axes.set_title(title, fontsize=LARGE)
    for line, (name, pictures, score) in zip(grid, rows, strict=True):
        for axes, picture in zip(line, pictures, strict=True):
            axes.imshow(picture, interpolation_stage="rgba")
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
        line[0].set_ylabel(name, fontsize=NORMAL)
        line[3].set_xlabel(f"Dice {score:.3f}", fontsize=NORMAL)
    _legend(figure, any(not bool(sample["valid"].all()) for sample in samples))
    _save(figure, out)


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
        axes.plot(steps, _moving_mean(values, len(values) // 50), color=BLUE, label="training")
    if "val/loss" in series:
        axes.plot(*series["val/loss"], color=ORANGE, marker="o", markersize=3, label="validation")
    values = [value for _, each in series.values() for value in each]
    if min(values) > 0 and max(values) > 20 * min(values):
        axes.set_yscale("log")
    axes.legend(fontsize=NORMAL, frameon=False)


def _scores(axes: Axes, series: Series) -> None:
    axes.set_title("validation scores", fontsize=LARGE)
    # Dice is what selects the checkpoint: first in the legend, and on top of the others.
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


def _plain(axes: Axes) -> None:
    axes.set_xlabel("optimizer step", fontsize=NORMAL)
    axes.tick_params(labelsize=SMALL)
    axes.grid(color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _moving_mean(values: Sequence[float], half: int) -> list[float]:
    # Centred, over fewer values at both ends: no lag, and nothing made up beyond the data.
    return [float(np.mean(values[max(0, i - half) : i + half + 1])) for i in range(len(values))]


def _row(sample: Mapping[str, Any], threshold: float) -> tuple[str, list[Picture], float]:
    image, mask, valid, preds = (sample[key].cpu() for key in ("image", "mask", "valid", "probabilities"))
    head = "softmax" if len(preds) > 1 and mask.ndim == valid.ndim else "sigmoid"
    classes = foreground_classes(len(preds), head)
    truth = target_classes(preds.unsqueeze(0), mask.unsqueeze(0), head)[0, classes]
    found = predicted_classes(preds.unsqueeze(0), head, threshold)[0, classes]
    score = float(dice(found, truth, valid).mean())
    if valid.ndim == 3:
        where = _slice_with_most(truth.any(0) & valid)
        image, truth, found, valid = image[:, where], truth[:, where], found[:, where], valid[where]
    wanted, said = _labels(truth), _labels(found)
    return (
        str(sample["id"]),
        [
            _stretched(image, valid),
            _coloured(wanted, len(classes)),
            _coloured(said, len(classes)),
            _overlay(image, wanted, said, valid),
        ],
        score,
    )


def _slice_with_most(foreground: Bool[Tensor, "s h w"]) -> int:
    # Of equals the one nearest to the middle.
    amounts = foreground.flatten(1).sum(1)
    best = (amounts == amounts.max()).nonzero().flatten()
    return int(best[(best - (len(amounts) - 1) / 2).abs().argmin()])


def _labels(classes: Bool[Tensor, "k h w"]) -> Int[np.ndarray, "h w"]:
    index = torch.arange(1, len(classes) + 1).view(-1, 1, 1)
    return (classes * index).amax(0).numpy()


def _stretched(image: Float[Tensor, "c h w"], valid: Bool[Tensor, "h w"]) -> Picture:
    channels = (image if len(image) == 3 else image[:1].expand(3, -1, -1)).float().numpy()
    seen = channels[:, valid.numpy()] if valid.any() else channels
    low, high = np.percentile(seen, (1, 99))
    return np.clip((channels - low) / max(high - low, 1e-6), 0, 1).transpose(1, 2, 0)


def _coloured(labels: Int[np.ndarray, "h w"], classes: int) -> Picture:
    from matplotlib.colors import to_rgb

    colours = [(1.0, 1.0, 1.0)] if classes == 1 else [to_rgb(CLASSES[k % len(CLASSES)]) for k in range(classes)]
    return np.array([(0.0, 0.0, 0.0), *colours])[labels]


def _overlay(
    image: Float[Tensor, "c h w"],
    wanted: Int[np.ndarray, "h w"],
    said: Int[np.ndarray, "h w"],
    valid: Bool[Tensor, "h w"],
) -> Picture:
    # On the image in dim grey, so that the colours stand out on bright images as on dark ones.
    grey = _stretched(image, valid).mean(2, keepdims=True) * 0.5
    picture = np.repeat(grey, 3, axis=2).astype(np.float64)
    picture[(wanted > 0) & (said == wanted)] = RIGHT
    picture[(said > 0) & (said != wanted)] = WRONG
    picture[(wanted > 0) & (said == 0)] = MISSED
    picture[~valid.numpy()] = UNSCORED
    return picture


def _legend(figure: Figure, unscored: bool) -> None:
    colours = {"true positive": RIGHT, "false positive": WRONG, "false negative": MISSED}
    colours |= {"not scored": UNSCORED} if unscored else {}
    patches = [Patch(facecolor=rgb, edgecolor="0.3", linewidth=0.5, label=name) for name, rgb in colours.items()]
    figure.legend(handles=patches, loc="outside lower right", ncols=len(patches), fontsize=NORMAL, frameon=False)


def _save(figure: Figure, out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, facecolor="white")
