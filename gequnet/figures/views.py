"""Pictures of a sample: image, truth, prediction, and the overlay of their differences."""

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

from gequnet.figures.samples import Sample, classes_of, dice_of, to_plane
from gequnet.figures.style import BLUE, GREEN, NORMAL, ORANGE, PURPLE, SKY, YELLOW

# Colours of classes; those of the overlay come last.
CLASSES = (SKY, YELLOW, BLUE, PURPLE, ORANGE, GREEN)
# Correct pixels are green, wrong ones vermilion or pink: colours of Okabe and Ito that can be told apart with red-green
# colour blindness.
RIGHT, WRONG, MISSED, UNSCORED = to_rgb(GREEN), to_rgb(ORANGE), to_rgb(PURPLE), (0.45, 0.45, 0.45)

Picture = Float[np.ndarray, "h w 3"]
LETTERS = 24  # most letters of an image's name; longer names would overlap


class Views(NamedTuple):
    """Four pictures of a sample, its Dice inside ``valid``, and the aspect (height / width) of its pixels."""

    image: Picture
    truth: Picture
    prediction: Picture
    overlay: Picture
    dice: float
    aspect: float = 1.0

    @classmethod
    def of(cls, sample: Sample, threshold: float = 0.5) -> "Views":
        """Views of a sample; of a volume those of one slice, see [`gequnet.figures.samples.slice_of`][].

        The image is stretched between the 1st and 99th percentile of its valid pixels. If it has two channels or more
        than three, the first is drawn. Classes have colours; of overlapping regions the last one lies on top. In the
        overlay a pixel is false positive if a predicted class is not in the truth, else false negative if a true class
        is not predicted, else true positive if it has a class. The Dice of a volume is that of the whole volume.

        Args:
            sample: see ``gequnet.figures.samples.Sample``.
            threshold: of sigmoid probabilities.
        """
        sample = {name: value.cpu() if isinstance(value, Tensor) else value for name, value in sample.items()}
        sample = to_plane(sample, threshold)
        image, valid = sample["image"], sample["valid"]
        truth, found = classes_of(sample, threshold)
        overlay = _overlay(image, truth, found, valid)
        high, wide = sample.get("spacing", torch.ones(2)).tolist()
        pictures = stretch_contrast(image, valid), _coloured(truth), _coloured(found), overlay
        return cls(*pictures, dice_of(sample, threshold), high / wide)

    @property
    def height(self) -> float:
        """Height of the picture divided by its width."""
        rows, columns = self.image.shape[:2]
        return rows * self.aspect / columns


def sample_title(sample: Mapping[str, Any]) -> str:
    """Title of a sample: the name of the image, shortened if too long, and the number of the slice if it is one.

    >>> sample_title({"id": "21_training"}), sample_title({"id": "00ae65c1c6631ae6f2be1a449902976e6eb8483bf6b0740d"})
    ('21_training', '00ae65c1c6631ae6f2be1a4…')
    """
    name = str(sample["id"])
    name = name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}…"
    if "slice" not in sample:
        return name
    number, of = sample["slice"].tolist()
    return f"{name}\nslice {number} of {of}"


def dice_label(sample: Mapping[str, Any], views: Views) -> str:
    """Label with the Dice of a sample, or of its whole volume."""
    return f"Dice of the volume {views.dice:.3f}" if "slice" in sample else f"Dice {views.dice:.3f}"


def stretch_contrast(image: Float[Tensor, "c h w"], valid: Bool[Tensor, "h w"]) -> Picture:
    """Image stretched between the 1st and 99th percentile of its valid pixels; three channels, or the first one."""
    channels = (image if len(image) == 3 else image[:1].expand(3, -1, -1)).float().numpy()
    seen = channels[:, valid.numpy()] if valid.any() else channels
    low, high = np.percentile(seen, (1, 99))
    return np.clip((channels - low) / ((high - low) or 1.0), 0, 1).transpose(1, 2, 0)


def show_picture(axes: Axes, picture: Picture, aspect: float = 1.0) -> None:
    """Draw a picture without axes; its pixels are ``aspect`` times as high as wide."""
    axes.imshow(picture, interpolation_stage="rgba", aspect=aspect)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def overlay_legend(figure: Figure, valid: Iterable[Bool[Tensor, "*space"]]) -> None:
    """Draw the legend of the overlay's colours; "not scored" only if some pixel is not valid."""
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
    # The image is drawn in dark grey, so that the colours are visible on bright and dark images.
    grey = stretch_contrast(image, valid).mean(2, keepdims=True) * 0.5
    picture = np.repeat(grey, 3, axis=2).astype(np.float64)
    picture[truth.any(0).numpy()] = RIGHT
    picture[(truth & ~found).any(0).numpy()] = MISSED
    picture[(found & ~truth).any(0).numpy()] = WRONG
    picture[~valid.numpy()] = UNSCORED
    return picture
