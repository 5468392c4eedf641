"""What there is to see of a sample: image, truth, prediction, and where the two differ."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from torch import Tensor

from gequnet.figures.style import BLUE, GREEN, NORMAL, ORANGE, PURPLE, SKY, YELLOW
from gequnet.heads import foreground_classes, predicted_classes, target_classes
from gequnet.metrics.dice import dice

# Of classes: those that the overlay uses for mistakes come last.
CLASSES = (GREEN, PURPLE, YELLOW, BLUE, SKY, ORANGE)
RIGHT, WRONG, MISSED, UNSCORED = (1.0, 1.0, 1.0), (0.90, 0.45, 0.0), (0.34, 0.71, 0.91), (0.45, 0.45, 0.45)

Picture = Float[np.ndarray, "h w 3"]
LETTERS = 24  # of an image's name; longer ones would run into each other


class Views(NamedTuple):
    """Four pictures of a sample, and its Dice inside ``valid``."""

    image: Picture
    truth: Picture
    prediction: Picture
    overlay: Picture
    dice: float

    @classmethod
    def of(cls, sample: Mapping[str, Any], threshold: float = 0.5) -> "Views":
        """The views of a sample; of a volume those of the slice (along the first axis) with the most foreground.

        The image is stretched between the 1st and 99th percentile of its valid pixels; of two, or of more than three
        channels the first is shown. Classes have colours, of overlapping regions the last one lies on top. In the
        overlay a wrong class counts as a false positive. The Dice of a volume is that of the whole volume.

        Args:
            sample: tensors ``image`` [C, *space], ``mask`` [*space] or [K, *space], ``valid`` [*space] and
                ``probabilities`` [K, *space].
            threshold: of sigmoid probabilities.
        """
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
        pictures = _coloured(wanted, len(classes)), _coloured(said, len(classes))
        return cls(_stretched(image, valid), *pictures, _overlay(image, wanted, said, valid), score)


def name_of(sample: Mapping[str, Any]) -> str:
    """The name of the image, cut where it is too long to be drawn.

    >>> name_of({"id": "21_training"}), name_of({"id": "00ae65c1c6631ae6f2be1a449902976e6eb8483bf6b0740d"})
    ('21_training', '00ae65c1c6631ae6f2be1a4…')
    """
    name = str(sample["id"])
    return name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}…"


def show(axes: Axes, picture: Picture) -> None:
    """A picture without axes around it."""
    axes.imshow(picture, interpolation_stage="rgba")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def legend(figure: Figure, valid: Iterable[Bool[Tensor, "*space"]]) -> None:
    """Says what the colours of the overlays mean; what is not scored only where there is such a thing."""
    colours = {"true positive": RIGHT, "false positive": WRONG, "false negative": MISSED}
    colours |= {} if all(bool(each.all()) for each in valid) else {"not scored": UNSCORED}
    patches = [Patch(facecolor=rgb, edgecolor="0.3", linewidth=0.5, label=name) for name, rgb in colours.items()]
    figure.legend(handles=patches, loc="outside lower right", ncols=len(patches), fontsize=NORMAL, frameon=False)


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
