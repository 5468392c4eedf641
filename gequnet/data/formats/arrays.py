"""Conversion of arrays and tensors of the user to image tensors."""

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

from gequnet.errors import ShapeError

Image = Shaped[np.ndarray, "..."] | Shaped[Tensor, "..."]

MAX_16_BIT = 65535
"""Largest value of a 16-bit picture."""

LUMINANCE = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey (ITU-R BT.601)."""
LUMINANCE_16_BIT = (19595, 38470, 7471)
"""The same weights times 65536."""


def as_image(array: Image, channels: int, spatial_dims: int) -> Tensor:
    """Array as an image ``[C, *space]``, 8 bit or floating point.

    Channels may be the first or the last axis. If both are possible, the last axis of an array and the first axis of a
    tensor is used. Channels of a picture are converted as in files: transparency is left out, grey becomes equal
    channels, colour becomes grey. Pictures of 16 bits become floating point from 0 to 1. Other values are unchanged.

    Args:
        array: ``[*space]`` or with one more axis.
        channels: Number of input channels of the network.
        spatial_dims: 2 for pictures, 3 for volumes.

    Raises:
        ShapeError: If the array is no image with these channels.

    Example:
        >>> as_image(np.zeros((4, 6, 3), np.uint8), channels=3, spatial_dims=2).shape
        torch.Size([3, 4, 6])
        >>> as_image(np.full((4, 6), 65535, np.uint16), channels=3, spatial_dims=2).unique()
        tensor([1.])
    """
    values = torch.from_numpy(np.ascontiguousarray(array)) if isinstance(array, np.ndarray) else array.detach().cpu()
    last = isinstance(array, np.ndarray)
    image = _typed(_channels_first(values, channels, spatial_dims, last), spatial_dims)
    return match_channels(image, channels, picture=spatial_dims == 2)


def match_channels(
    image: Shaped[Tensor, "c *space"], channels: int, picture: bool
) -> Shaped[Tensor, "{channels} *space"]:
    """Image converted to the given number of channels; volumes are not converted.

    Raises:
        ShapeError: If there is no conversion.
    """
    came = len(image)
    if came == channels:
        return image
    if picture and (came, channels) in ((4, 3), (2, 1)):  # transparency
        return image[:channels]
    if picture and came in (1, 2) and channels == 3:
        return image[:1].expand(3, *image.shape[1:]).contiguous()
    if picture and came in (3, 4) and channels == 1:
        if image.dtype == torch.uint8:  # in whole numbers, as Pillow
            total = sum(weight * part.int() for weight, part in zip(LUMINANCE_16_BIT, image[:3], strict=True))
            return ((total + (1 << 15)) >> 16).to(torch.uint8)[None]
        return torch.einsum("c,c...->...", torch.tensor(LUMINANCE), image[:3].float())[None]
    raise ShapeError(f"The image has {came} channels, and the network takes {channels}: give those it was trained on.")


def _channels_first(values: Tensor, channels: int, spatial_dims: int, last: bool) -> Tensor:
    if values.dim() == spatial_dims:
        return values[None]
    if values.dim() != spatial_dims + 1:
        raise ShapeError(
            f"An array of shape {list(values.shape)} is no image for this network: it takes {channels} channels and "
            f"{spatial_dims} axes of space, the channels first or last."
        )
    customary = {channels} | ({1, 2, 3, 4} if spatial_dims == 2 and channels in (1, 3) else set())
    for usual in ({channels}, customary):
        ends = [axis for axis in ((-1, 0) if last else (0, -1)) if values.shape[axis] in usual]
        if ends:
            return values.movedim(ends[0], 0)
    raise ShapeError(
        f"An array of shape {list(values.shape)} has its channels neither first nor last: the network takes {channels}."
    )


def _typed(values: Tensor, spatial_dims: int) -> Tensor:
    if values.dtype == torch.uint8:
        return values
    deep = values.dtype == torch.uint16 and spatial_dims == 2
    return values.float() / MAX_16_BIT if deep else values.float()
