"""Curves and discs put on a pixel grid by formula, at any orientation, without interpolation."""

import math

import numpy as np
from jaxtyping import Float64

from gequnet.data.phantoms.vessel_trees import Segments
from gequnet.data.phantoms.waves import grid_axis


def rotation_matrix(angle: float) -> Float64[np.ndarray, "2 2"]:
    """The counter-clockwise rotation by ``angle`` radians of ``(y, x)`` coordinates whose y points down.

    It turns a picture in the sense of ``torch.rot90(k=1, dims=(-2, -1))``. Quarter turns have entries 0 and
    ±1 exactly.
    """
    cosine, sine = math.cos(angle), math.sin(angle)
    quarters = angle / (math.pi / 2)
    if abs(quarters - round(quarters)) < 1e-12:
        cosine, sine = float(round(cosine)), float(round(sine))
    return np.array([[cosine, -sine], [sine, cosine]])


def draw_segments(segments: Segments, side: int) -> tuple[Float64[np.ndarray, "h w"], Float64[np.ndarray, "h w"]]:
    r"""How dark the curves make each pixel, and how deep each pixel lies inside a curve.

    For a pixel at distance :math:`d` of a piece of local radius :math:`r` the depth is :math:`r - d`
    (positive inside) and the darkness is the contrast times :math:`\mathrm{clip}(r - d + \tfrac12, 0, 1)`,
    the share of a pixel that lies inside a straight edge. Where pieces overlap the larger value counts, so a
    junction is no darker than its branches.

    Returns:
        Darkness and depth, each ``[side, side]``; depth is -1 where no curve is near.
    """
    reach = math.ceil(float(segments.radius.max(initial=1.0)) + 2.5)
    offsets = np.arange(-reach, reach + 1)
    # Each piece is short, so a small square stencil around its middle holds every pixel that it touches.
    middle = np.rint((segments.start + segments.end) / 2 + (side - 1) / 2).astype(np.int64)
    rows, columns = middle[:, 0, None] + offsets, middle[:, 1, None] + offsets
    y, x = rows - (side - 1) / 2, columns - (side - 1) / 2
    depth = _depth(segments, y, x)
    dark = segments.contrast[:, None, None] * np.clip(depth + 0.5, 0, 1)
    seen = ((rows >= 0) & (rows < side))[:, :, None] & ((columns >= 0) & (columns < side))[:, None, :] & (depth > -0.5)
    where = np.broadcast_to(rows[:, :, None] * side + columns[:, None, :], depth.shape)[seen]
    darkness, deepest = np.zeros(side * side), np.full(side * side, -1.0)
    np.maximum.at(darkness, where, dark[seen])
    np.maximum.at(deepest, where, depth[seen])
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
    """The sum of round spots ``height * exp(-(distance / radius)^4)``: flat inside, with a soft edge."""
    axis = grid_axis(side)
    squared = (axis[:, None] - centres[:, 0, None, None]) ** 2 + (axis[None, :] - centres[:, 1, None, None]) ** 2
    return (heights[:, None, None] * np.exp(-((squared / radii[:, None, None] ** 2) ** 2))).sum(0)
