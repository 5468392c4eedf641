"""Curves and spots, evaluated on a pixel grid by formula, at any orientation, without interpolation."""

import math

import numpy as np
from jaxtyping import Float64

from gequnet.data.phantoms.vessel_trees import Segments
from gequnet.data.phantoms.waves import grid_axis


def rotation_matrix(angle: float) -> Float64[np.ndarray, "2 2"]:
    """Counter-clockwise rotation by ``angle`` radians of ``(y, x)`` coordinates with y pointing down.

    The sense of rotation is that of ``torch.rot90(k=1, dims=(-2, -1))``. Quarter turns have entries 0 and ±1 exactly.
    """
    cosine, sine = math.cos(angle), math.sin(angle)
    quarters = angle / (math.pi / 2)
    if abs(quarters - round(quarters)) < 1e-12:
        cosine, sine = float(round(cosine)), float(round(sine))
    return np.array([[cosine, -sine], [sine, cosine]])


def draw_segments(segments: Segments, side: int) -> tuple[Float64[np.ndarray, "h w"], Float64[np.ndarray, "h w"]]:
    r"""Darkness of each pixel by the curves, and its depth inside a curve.

    For a pixel at distance :math:`d` from a segment of local radius :math:`r` the depth is :math:`r - d` (positive
    inside). The darkness is the contrast times :math:`\mathrm{clip}(r - d + \tfrac12, 0, 1)`, the fraction of a pixel
    inside a straight edge. Where segments overlap the larger value counts, so a junction is no darker than its
    branches.

    Returns:
        Darkness and depth, each ``[side, side]``; depth is -1 where no curve is near.
    """
    reach = math.ceil(float(segments.radius.max(initial=1.0)) + 2.5)
    offsets = np.arange(-reach, reach + 1)
    # Segments are short, so a small square stencil around the middle covers every pixel of a segment.
    middle = np.rint((segments.start + segments.end) / 2 + (side - 1) / 2).astype(np.int64)
    rows, columns = middle[:, 0, None] + offsets, middle[:, 1, None] + offsets
    y, x = rows - (side - 1) / 2, columns - (side - 1) / 2
    depth = _depth(segments, y, x)
    dark = segments.contrast[:, None, None] * np.clip(depth + 0.5, 0, 1)
    drawn = ((rows >= 0) & (rows < side))[:, :, None] & ((columns >= 0) & (columns < side))[:, None, :] & (depth > -0.5)
    where = np.broadcast_to(rows[:, :, None] * side + columns[:, None, :], depth.shape)[drawn]
    darkness, deepest = np.zeros(side * side), np.full(side * side, -1.0)
    np.maximum.at(darkness, where, dark[drawn])
    np.maximum.at(deepest, where, depth[drawn])
    return darkness.reshape(side, side), deepest.reshape(side, side)


def _depth(
    segments: Segments, y: Float64[np.ndarray, "n k"], x: Float64[np.ndarray, "n k"]
) -> Float64[np.ndarray, "n k k"]:
    along = segments.end - segments.start
    dy, dx = (y - segments.start[:, 0, None])[:, :, None], (x - segments.start[:, 1, None])[:, None, :]
    ay, ax = along[:, 0, None, None], along[:, 1, None, None]
    share = np.clip((dy * ay + dx * ax) / (ay * ay + ax * ax), 0, 1)
    distance = np.sqrt((dy - share * ay) ** 2 + (dx - share * ax) ** 2)
    radius = segments.radius[:, :, None, None]
    return radius[:, 0] + share * (radius[:, 1] - radius[:, 0]) - distance


def draw_spots(
    centres: Float64[np.ndarray, "n 2"],
    radii: Float64[np.ndarray, " n"],
    heights: Float64[np.ndarray, " n"],
    side: int,
) -> Float64[np.ndarray, "h w"]:
    """Sum of round spots ``height * exp(-(distance / radius)^4)``: flat inside, with a soft edge."""
    axis = grid_axis(side)
    squared = (axis[:, None] - centres[:, 0, None, None]) ** 2 + (axis[None, :] - centres[:, 1, None, None]) ** 2
    return (heights[:, None, None] * np.exp(-((squared / radii[:, None, None] ** 2) ** 2))).sum(0)
