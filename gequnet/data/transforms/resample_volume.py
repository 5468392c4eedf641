"""Resampling of volumes to another grid over the same box: outer faces stay in place, voxels do not."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, Shaped, UInt8


def size_at(size: Sequence[int], voxel_mm: Sequence[float], spacing: Sequence[float]) -> tuple[int, ...]:
    """The number of voxels of about ``spacing`` millimetres in a box of ``size`` voxels of ``voxel_mm``.

    >>> size_at([240, 240, 155], [1.0, 1.0, 1.0], [1.5, 1.0, 2.0])
    (160, 240, 78)
    """
    return tuple(max(1, round(n * mm / wanted)) for n, mm, wanted in zip(size, voxel_mm, spacing, strict=True))


def resample_image(
    image: Shaped[np.ndarray, "channels *space"], space: Sequence[int], order: int = 1
) -> Float32[np.ndarray, "channels *resampled"]:
    """Intensities on another grid; blurred before along axes that get coarser, against aliasing.

    Args:
        image: Intensities.
        space: The new size.
        order: 1 for linear, 3 for cubic interpolation (clipped to the range of the image).
    """
    from skimage.transform import resize

    if image.shape[1:] == tuple(space):
        return image.astype(np.float32)
    parts = [resize(c.astype(np.float32), space, order, mode="edge", anti_aliasing=True) for c in image]
    return np.stack(parts).astype(np.float32)


def resample_labels(labels: UInt8[np.ndarray, "..."], space: Sequence[int]) -> UInt8[np.ndarray, "..."]:
    """Labels ``[..., *space]`` on another grid: each voxel gets the label with the largest share of it.

    Shares are interpolated linearly (blurred before along axes that get coarser). So a surface between two labels stays
    smooth, where the nearest label would make steps. Of equal shares the lower label wins.

    Example:
        >>> fine = np.array([0, 0, 0, 2, 2, 2], np.uint8).reshape(1, 1, 6)
        >>> resample_labels(fine, [1, 1, 2]).ravel(), resample_labels(fine, [1, 1, 12]).ravel()
        (array([0, 2], dtype=uint8), array([0, 0, 0, 0, 0, 0, 2, 2, 2, 2, 2, 2], dtype=uint8))
    """
    if labels.shape[-len(space) :] == tuple(space):
        return labels
    if labels.ndim > len(space):
        return np.stack([resample_labels(part, space) for part in labels])
    present = np.unique(labels)
    shares = resample_image(np.stack([labels == label for label in present]), space)
    return np.asarray(present[shares.argmax(0)], np.uint8)
