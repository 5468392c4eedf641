"""What there is to see of a sample: image, truth, prediction, and where the two differ."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from torch import Tensor

from gequnet.figures.samples import Sample, classes_of, dice_of, in_the_plane
from gequnet.figures.style import BLUE, GREEN, NORMAL, ORANGE, PURPLE, SKY, YELLOW

# Of classes: those that the overlay uses come last.
CLASSES = (SKY, YELLOW, BLUE, PURPLE, ORANGE, GREEN)
# What is right is green and what is wrong red: in the green, vermilion and pink of Okabe and Ito, which those who are
# blind to the difference of red and green tell apart.
RIGHT, WRONG, MISSED, UNSCORED = to_rgb(GREEN), to_rgb(ORANGE), to_rgb(PURPLE), (0.45, 0.45, 0.45)

Picture = Float[np.ndarray, "h w 3"]
LETTERS = 24  # of an image's name; longer ones would run into each other


class Views(NamedTuple):
    """Four pictures of a sample, its Dice inside ``valid``, and how many times as high as wide its pixels are."""

    image: Picture
    truth: Picture
    prediction: Picture
    overlay: Picture
    dice: float
    aspect: float = 1.0

    @classmethod
    def of(cls, sample: Sample, threshold: float = 0.5) -> "Views":
        """The views of a sample; of a volume those of one slice, see [`gequnet.figures.samples.slice_of`][].

        The image is stretched between the 1st and 99th percentile of its valid pixels; of two, or of more than three
        channels the first is shown. Classes have colours, of overlapping regions the last one lies on top. In the
        overlay a pixel is false positive if a class was found in it that it does not have, else false negative if one
        that it has was not found, else true positive if it has any. The Dice of a volume is that of the whole volume.

        Args:
            sample: tensors.
            threshold: of sigmoid probabilities.
        """
        sample = {name: value.cpu() if isinstance(value, Tensor) else value for name, value in sample.items()}
        sample = in_the_plane(sample, threshold)
        image, valid = sample["image"], sample["valid"]
        truth, found = classes_of(sample, threshold)
        pictures = stretched(image, valid), _coloured(truth), _coloured(found), _overlay(image, truth, found, valid)
        high, wide = sample.get("spacing", torch.ones(2)).tolist()
        return cls(*pictures, dice_of(sample, threshold), high / wide)

    @property
    def height(self) -> float:
        """How many times as high as wide the picture is."""
        rows, columns = self.image.shape[:2]
        return rows * self.aspect / columns


def name_of(sample: Mapping[str, Any]) -> str:
    """The name of the image, cut where it is too long to be drawn, and which slice it is, if it is one.

    >>> name_of({"id": "21_training"}), name_of({"id": "00ae65c1c6631ae6f2be1a449902976e6eb8483bf6b0740d"})
    ('21_training', '00ae65c1c6631ae6f2be1a4…')
    """
    name = str(sample["id"])
    name = name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}…"
    if "slice" not in sample:
        return name
    number, of = sample["slice"].tolist()
    return f"{name}\nslice {number} of {of}"


def said_dice(sample: Mapping[str, Any], views: Views) -> str:
    """The Dice of a picture, in words that say if it is that of the whole volume."""
    return f"Dice of the volume {views.dice:.3f}" if "slice" in sample else f"Dice {views.dice:.3f}"


def stretched(image: Float[Tensor, "c h w"], valid: Bool[Tensor, "h w"]) -> Picture:
    """The image between the 1st and 99th percentile of its valid pixels; unless it has three channels the first."""
    channels = (image if len(image) == 3 else image[:1].expand(3, -1, -1)).float().numpy()
    seen = channels[:, valid.numpy()] if valid.any() else channels
    low, high = np.percentile(seen, (1, 99))
    return np.clip((channels - low) / max(high - low, 1e-6), 0, 1).transpose(1, 2, 0)


def show(axes: Axes, picture: Picture, aspect: float = 1.0) -> None:
    """A picture without axes around it, of pixels that are ``aspect`` times as high as wide."""
    axes.imshow(picture, interpolation_stage="rgba", aspect=aspect)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def legend(figure: Figure, valid: Iterable[Bool[Tensor, "*space"]]) -> None:
    """Says what the colours of the overlays mean; what is not scored only where there is such a thing."""
    colours = {"true positive": RIGHT, "false positive": WRONG, "false negative": MISSED}
    colours |= {} if all(bool(each.all()) for each in valid) else {"not scored": UNSCORED}
    patches = [Patch(facecolor=rgb, edgecolor="0.3", linewidth=0.5, label=name) for name, rgb in colours.items()]
    figure.legend(handles=patches, loc="outside lower right", ncols=len(patches), fontsize=NORMAL, frameon=False)


def _coloured(classes: Bool[Tensor, "k h w"]) -> Picture:
    labels = (classes * torch.arange(1, len(classes) + 1).view(-1, 1, 1)).amax(0).numpy()
    several = [to_rgb(CLASSES[k % len(CLASSES)]) for k in range(len(classes))]
    return np.array([(0.0, 0.0, 0.0), *([(1.0, 1.0, 1.0)] if len(classes) == 1 else several)])[labels]


def _overlay(
    image: Float[Tensor, "c h w"],
    truth: Bool[Tensor, "k h w"],
    found: Bool[Tensor, "k h w"],
    valid: Bool[Tensor, "h w"],
) -> Picture:
    # On the image in dim grey, so that the colours stand out on bright images as on dark ones.
    grey = stretched(image, valid).mean(2, keepdims=True) * 0.5
    picture = np.repeat(grey, 3, axis=2).astype(np.float64)
    picture[truth.any(0).numpy()] = RIGHT
    picture[(truth & ~found).any(0).numpy()] = MISSED
    picture[(found & ~truth).any(0).numpy()] = WRONG
    picture[~valid.numpy()] = UNSCORED
    return picture
