"""Actions of O(2) and of magnifications on images and on maps of fields.

An element g moves an image f by (g·f)(x) = f(g⁻¹x) about its centre; x points right and y points up. The eight elements
of D4 permute pixels and are exact at every size (a quarter turn exchanges height and width). Other angles and
magnifications are interpolated by cubic splines, with zeros outside the image.
"""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import scipy.ndimage
import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor

from gequnet.symmetry.gspace import Element, FieldType


def quarter_turns(element: Element) -> int | None:
    """Number of quarter turns in the rotation of ``element``; ``None`` if it is not a whole number."""
    turns = element.angle / (math.pi / 2)
    return round(turns) % 4 if abs(turns - round(turns)) < 1e-9 else None


def act_on_image(image: Float[Tensor, "b c h w"], element: Element) -> Float[Tensor, "b c h2 w2"]:
    """The image moved by ``element``: exact for D4, interpolated (at the same size) for other angles."""
    if element.flip:
        image = image.flip(-2)
    turns = quarter_turns(element)
    return rotate(image, element.angle) if turns is None else torch.rot90(image, turns, (-2, -1))


def rotate(image: Float[Tensor, "b c h w"], angle: float) -> Float[Tensor, "b c h w"]:
    """The image rotated counter-clockwise by ``angle`` radians about its centre; cubic splines, zero outside.

    SciPy does it on the CPU, without a gradient. Its error is an order of magnitude below that of torch's bicubic
    kernel, whose error would hide the equivariance error that is measured.
    """
    degrees = math.degrees(angle)
    turned = scipy.ndimage.rotate(image.detach().cpu().numpy(), degrees, axes=(3, 2), reshape=False, order=3)
    return torch.from_numpy(turned).to(image)


def magnify(
    image: Float[Tensor, "b c *space"] | Integer[Tensor, "b c *space"],
    factor: float,
    size: Sequence[int] | None = None,
    order: int = 3,
    padding_mode: Literal["zeros", "border"] = "zeros",
) -> Float[Tensor, "b c *size"] | Integer[Tensor, "b c *size"]:
    """The image magnified by ``factor`` about its centre; by SciPy and without gradient, as ``rotate``.

    Pixel p of the result shows the image at p / factor, both counted from the centre of their grid. A smaller image is
    not smoothed before, so details finer than the new grid are aliased.

    Args:
        image: ``[B, C, *space]``.
        factor: Magnification.
        size: Size of the result in pixels; None for that of the image.
        order: Of the splines between the pixels: 0 nearest, 1 linear, 3 cubic.
        padding_mode: Values outside the image: ``zeros``, or ``border`` for those of the outermost pixels.
    """
    size = list(image.shape[2:] if size is None else size)
    offset = [(side - 1) / 2 - (new - 1) / 2 / factor for side, new in zip(image.shape[2:], size, strict=True)]
    step, mode = np.full(len(size), 1 / factor), {"zeros": "constant", "border": "nearest"}[padding_mode]
    maps = image.detach().cpu().flatten(0, 1).numpy()
    moved = [scipy.ndimage.affine_transform(each, step, offset, tuple(size), order=order, mode=mode) for each in maps]
    return torch.from_numpy(np.stack(moved)).view(*image.shape[:2], *size).to(image)


def act_on_fields(
    fields: Float[Tensor, "b c h w"], field_type: FieldType, element: Element
) -> Float[Tensor, "b c h2 w2"]:
    """The map of fields moved by ``element``: the element acts on pixels, ρ(element) on the channels of each field."""
    matrix = torch.from_numpy(field_type.representation.matrix(element)).to(fields)
    split = fields.unflatten(1, (field_type.fields, -1))
    return act_on_image(torch.einsum("ij,bfjhw->bfihw", matrix, split).flatten(1, 2), element)


def disc(side: int, margin: int) -> Bool[Tensor, "h w"]:
    """Mask of the pixels of a square that stay at least ``margin`` pixels from its border under every rotation."""
    centred = torch.arange(side) - (side - 1) / 2
    return centred.square() + centred[:, None].square() <= (side / 2 - margin) ** 2
