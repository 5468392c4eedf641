"""Estimate of the field of view of a fundus photograph, for datasets that ship none."""

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from torch import Tensor

FRACTION = 0.07
"""Threshold, as a fraction of the way from the surround's luminance to that of the middle."""


def estimate_field_of_view(image: UInt8[Tensor, "3 h w"]) -> Bool[Tensor, "h w"]:
    """Mask of the bright disc of a fundus photograph with a nearly black surround.

    The threshold on luminance lies ``FRACTION`` of the way from the median of the four corners to the median of the
    middle, so the surround need not be quite black. The largest connected piece above the threshold is kept, its holes
    (dark lesions, the macula) are filled, and spurs of a few pixels are removed.

    This is an estimate: on the 40 images of DRIVE its intersection over union with the shipped masks is .990 to .998,
    an error of a pixel or two along the edge. Without a dark surround the mask is True everywhere.

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
    inside = ndimage.binary_opening(luminance > surround + FRACTION * (middle - surround), iterations=2)
    return torch.from_numpy(ndimage.binary_fill_holes(_largest_piece(inside)))


def is_photograph(image: Tensor) -> bool:
    """True for an 8-bit image with three channels, of which the field of view can be estimated."""
    return image.dtype == torch.uint8 and len(image) == 3


def _corners(luminance: np.ndarray) -> float:
    side = max(1, min(luminance.shape) // 25)
    near = [slice(None, side), slice(-side, None)]
    return float(np.median([luminance[rows, columns] for rows in near for columns in near]))


def _middle(luminance: np.ndarray) -> float:
    height, width = luminance.shape
    return float(np.median(luminance[height // 4 : -height // 4, width // 4 : -width // 4]))


def _largest_piece(mask: np.ndarray) -> np.ndarray:
    from scipy import ndimage

    pieces, count = ndimage.label(mask)
    if count < 2:
        return mask
    return pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:])
