"""Resizing of scenes to a common size, for photographs, in which objects have any size."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from PIL import Image
from torch import Tensor

from gequnet.data.scene import Scene


def resized(scene: Scene, sides: Sequence[int]) -> Scene:
    """The scene resized to ``sides`` pixels; its aspect ratio may change.

    Intensities are interpolated linearly over all old pixels that a new pixel covers, against aliasing. A new pixel
    gets the label that covers most of its area, exactly. Pixels that are not valid count as a label of their own, and
    of two labels with equal areas the lower one wins.

    Args:
        scene: An image with a mask of exclusive classes.
        sides: Height and width.

    Example:
        >>> mask = torch.tensor([[0, 1, 1, 1], [0, 0, 1, 1]], dtype=torch.uint8)
        >>> scene = Scene("half", mask[None] * 200, mask, torch.ones(2, 4).bool())
        >>> resized(scene, (1, 2)).mask
        tensor([[0, 1]], dtype=torch.uint8)
    """
    assert scene.mask.dim() == 2  # classes, not regions
    assert scene.second is None
    assert scene.instances is None
    image = torch.stack([_image(channel, sides) for channel in scene.image])
    mask, valid = _labels(scene.mask, scene.valid, sides)
    return replace(scene, image=image, mask=mask, valid=valid, corners=None, geometry=None)


def _image(
    channel: UInt8[Tensor, "h w"] | Float[Tensor, "h w"], sides: Sequence[int]
) -> UInt8[Tensor, "h2 w2"] | Float[Tensor, "h2 w2"]:
    picture = Image.fromarray(channel.numpy())
    return torch.from_numpy(np.array(picture.resize((sides[1], sides[0]), Image.Resampling.BILINEAR)))


def _labels(
    mask: UInt8[Tensor, "h w"], valid: Bool[Tensor, "h w"], sides: Sequence[int]
) -> tuple[UInt8[Tensor, "h2 w2"], Bool[Tensor, "h2 w2"]]:
    down, across = (_overlaps(old, new) for old, new in zip(mask.shape, sides, strict=True))
    classes = mask.unique()
    covered = [(mask == label) & valid for label in classes] + [~valid]
    shares = torch.stack([down @ each.double() @ across.T for each in covered])
    most = shares.round(decimals=9).argmax(0)  # rounded, so that equal shares are equal
    counts = most < len(classes)
    return torch.where(counts, classes[most.clamp(max=len(classes) - 1)], 0).to(torch.uint8), counts


def _overlaps(old: int, new: int) -> Float[Tensor, "new old"]:
    """The part of each of ``old`` pixels in a row that each of ``new`` pixels over the same length covers."""
    edges = torch.arange(new + 1, dtype=torch.float64) * old / new
    starts = torch.arange(old, dtype=torch.float64)
    ends = torch.minimum(edges[1:, None], starts + 1)
    return (ends - torch.maximum(edges[:-1, None], starts)).clamp(min=0)
