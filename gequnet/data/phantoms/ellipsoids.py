"""Soft ellipsoids of any dimension, put on a grid by formula, at any magnification."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from gequnet.data.phantoms.waves import grid_axis

EDGE = 0.2
"""The surface is soft from 1 - EDGE to 1 + EDGE of the radius."""

RIM, HALF_RIM = 0.8, 0.3
"""Where the rim is brightest and how far it reaches from there, as shares of the radius."""


@dataclass(frozen=True)
class Ellipsoids:
    r"""Ellipsoids with a soft inside and a rim, in coordinates of space.

    With :math:`\rho` the distance from the centre in units of the radius in that direction, each is as bright as
    *core* times a step that falls at :math:`\rho = 1` plus *rim* times a bump at :math:`\rho = .8`. Step and bump are
    functions of :math:`\rho` alone: magnified, an ellipsoid is the same in every respect but its size.

    Args:
        centres: ``[n, dims]`` from the centre of the picture, in pixels.
        frames: ``[n, dims, dims]``, rows the principal directions divided by the radii: ``rho = |frame @ x|``.
        core: Brightness inside.
        rim: Brightness that the rim adds.
        labelled: Which of them the mask shows.
    """

    centres: Float64[np.ndarray, "n dims"]
    frames: Float64[np.ndarray, "n dims dims"]
    core: Float64[np.ndarray, " n"]
    rim: Float64[np.ndarray, " n"]
    labelled: Bool[np.ndarray, " n"]

    def magnified(self, factor: float) -> "Ellipsoids":
        """The same ellipsoids ``factor`` times as large and as far from the centre."""
        return Ellipsoids(self.centres * factor, self.frames / factor, self.core, self.rim, self.labelled)

    def reach(self) -> Float64[np.ndarray, "n dims"]:
        """How far each reaches along each axis from its centre, in pixels, edge included."""
        # The columns of the inverse frame are the semi-axes: an ellipsoid's box has their root of summed squares.
        return (1 + EDGE) * np.linalg.norm(np.linalg.inv(self.frames), axis=2)


def draw_ellipsoids(drawn: Ellipsoids, side: int) -> tuple[Float64[np.ndarray, "..."], Bool[np.ndarray, "..."]]:
    """Brightness, summed over the ellipsoids, and the mask: the pixels whose centre is inside a labelled one.

    Args:
        drawn: What is drawn; each one costs no more than its own box.
        side: Of the square or cube, in pixels.

    Returns:
        Both ``[side, …]``, of as many dimensions as the ellipsoids.
    """
    dims, axis = drawn.centres.shape[1], grid_axis(side)
    image, mask = np.zeros((side,) * dims), np.zeros((side,) * dims, dtype=bool)
    low, high = _boxes(drawn, side)
    for index in np.flatnonzero((low < high).all(1)):
        box = tuple(slice(a, b) for a, b in zip(low[index], high[index], strict=True))
        offsets = [axis[piece] - centre for piece, centre in zip(box, drawn.centres[index], strict=True)]
        distance = _distance(drawn.frames[index], offsets)
        image[box] += drawn.core[index] * soft_step(distance) + drawn.rim[index] * rim_profile(distance)
        if drawn.labelled[index]:
            mask[box] |= distance <= 1
    return image, mask


def soft_step(distance: Float64[np.ndarray, "..."]) -> Float64[np.ndarray, "..."]:
    """1 inside, 0 outside, and a cubic between that is 1/2 on the surface."""
    share = np.clip((1 + EDGE - distance) / (2 * EDGE), 0, 1)
    return share * share * (3 - 2 * share)


def rim_profile(distance: Float64[np.ndarray, "..."]) -> Float64[np.ndarray, "..."]:
    """1 in the middle of the rim, 0 beyond its reach, smooth between."""
    return np.clip(1 - ((distance - RIM) / HALF_RIM) ** 2, 0, None) ** 2


def _boxes(drawn: Ellipsoids, side: int) -> tuple[Int64[np.ndarray, "n dims"], Int64[np.ndarray, "n dims"]]:
    middle, reach = drawn.centres + (side - 1) / 2, drawn.reach()
    low, high = np.ceil(middle - reach), np.floor(middle + reach) + 1
    return np.clip(low, 0, side).astype(np.int64), np.clip(high, 0, side).astype(np.int64)


def _distance(
    frame: Float64[np.ndarray, "dims dims"], offsets: list[Float64[np.ndarray, "..."]]
) -> Float64[np.ndarray, "..."]:
    """The distance from the centre in units of the radius, on the grid that the offsets span."""
    open_grid = np.ix_(*offsets)
    squares = [sum(part * along for part, along in zip(row, open_grid, strict=True)) ** 2 for row in frame]
    return np.sqrt(sum(squares))
