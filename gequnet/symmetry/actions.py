"""What an element of O(2) does to an image and to a map of fields, and what a magnification does.

An image is moved by (g·f)(x) = f(g⁻¹x) about its centre, x right and y up. The eight elements of D4 permute pixels
and are exact at every size (a quarter turn exchanges height and width). Any other angle has to interpolate, and so has
any magnification: by cubic splines, zero outside the image.
"""

import math

import scipy.ndimage
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gequnet.symmetry.gspace import Element, FieldType


def quarter_turns(element: Element) -> int | None:
    """How many quarter turns the rotation of ``element`` is; ``None`` if it is no whole number of them."""
    turns = element.angle / (math.pi / 2)
    return round(turns) % 4 if abs(turns - round(turns)) < 1e-9 else None


def act_on_image(image: Float[Tensor, "b c h w"], element: Element) -> Float[Tensor, "b c h2 w2"]:
    """The image moved by ``element``: exact for D4, interpolated for other angles (then of the same size)."""
    if element.flip:
        image = image.flip(-2)
    turns = quarter_turns(element)
    return rotate(image, element.angle) if turns is None else torch.rot90(image, turns, (-2, -1))


def rotate(image: Float[Tensor, "b c h w"], angle: float) -> Float[Tensor, "b c h w"]:
    """The image turned counter-clockwise by ``angle`` radians about its centre; cubic splines, zero outside.

    By SciPy, on the CPU: an order of magnitude nearer to the turned scene than torch's bicubic kernel, whose error
    would hide what is to be measured. No gradient.
    """
    degrees = math.degrees(angle)
    turned = scipy.ndimage.rotate(image.detach().cpu().numpy(), degrees, axes=(3, 2), reshape=False, order=3)
    return torch.from_numpy(turned).to(image)


def magnify(image: Float[Tensor, "b c *space"], factor: float) -> Float[Tensor, "b c *space"]:
    """The image, or each of its maps, larger by ``factor`` about its centre, on the same grid; as ``rotate`` does it.

    Made smaller, an image keeps all its detail, which the grid may not hold: this is for what is smooth.
    """
    scale = [1 / factor] * (image.dim() - 2)
    offset = [(side - 1) / 2 * (1 - 1 / factor) for side in image.shape[2:]]
    maps = image.detach().cpu().flatten(0, 1).numpy()
    moved = [torch.from_numpy(scipy.ndimage.affine_transform(each, scale, offset, order=3)) for each in maps]
    return torch.stack(moved).view(image.shape).to(image)


def act_on_fields(
    fields: Float[Tensor, "b c h w"], field_type: FieldType, element: Element
) -> Float[Tensor, "b c h2 w2"]:
    """The map of fields moved by ``element``: pixels by the element, the channels of each field by ρ(element)."""
    matrix = torch.from_numpy(field_type.representation.matrix(element)).to(fields)
    split = fields.unflatten(1, (field_type.fields, -1))
    return act_on_image(torch.einsum("ij,bfjhw->bfihw", matrix, split).flatten(1, 2), element)


def disc(side: int, margin: int) -> Bool[Tensor, "h w"]:
    """The pixels of a square that stay ``margin`` pixels inside it under every rotation."""
    centred = torch.arange(side) - (side - 1) / 2
    return centred.square() + centred[:, None].square() <= (side / 2 - margin) ** 2
