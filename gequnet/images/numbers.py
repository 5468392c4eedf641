"""Numbers and channels of a picture as training reads them, see ``gequnet.data.pictures``."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

from gequnet.data.arrays import matched
from gequnet.data.pictures import DEEPEST
from gequnet.images.image_file import Takes, UnfitImageError


def as_picture(
    values: Shaped[np.ndarray, "c *space"], takes: Takes, path: Path, coloured: bool
) -> Shaped[Tensor, "channels *space"]:
    """Channels of a file as the channels that a network takes.

    Bytes stay bytes; whole numbers of 16 bits become 0 to 1, and those of colours bytes; floating point stays as it is.
    For a volume every number stays as it is. Transparency is left out, grey becomes equal channels, colour becomes
    grey; channels that are neither have to be as many as the network takes.

    Args:
        values: As they lie in the file.
        takes: What the network takes.
        path: For the error.
        coloured: Whether the channels are colours, or grey, and perhaps transparency.

    Raises:
        UnfitImageError: The channels are not those that the network takes.
    """
    came = len(values)
    customary = takes.channels in (1, 3) and (came == 1 or (coloured and came in (2, 3, 4)))
    if came != takes.channels and not customary:
        raise UnfitImageError(
            path, f"has {_channels(came)}", _channels(takes.channels), "give images like those that it was trained on"
        )
    return matched(_numbers(values, takes.spatial_dims, coloured and came > 2), takes.channels, takes.spatial_dims == 2)


def _numbers(values: Shaped[np.ndarray, "c *space"], spatial_dims: int, colours: bool) -> Tensor:
    if spatial_dims == 3:
        return torch.from_numpy(values.astype(np.float32))
    if values.dtype == bool:
        return torch.from_numpy(values.astype(np.uint8) * 255)
    if values.dtype == np.uint8:
        return torch.from_numpy(np.array(values))
    if np.issubdtype(values.dtype, np.floating):
        return torch.from_numpy(values.astype(np.float32))
    if colours and values.dtype == np.uint16:
        return torch.from_numpy((values >> 8).astype(np.uint8))
    return torch.from_numpy(values.astype(np.float32) / DEEPEST)


def _channels(count: int) -> str:
    return f"{count} channel{'s' if count > 1 else ''}"
