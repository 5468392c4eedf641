"""Soft ellipsoids of any dimension, evaluated on a grid by formula, at any magnification."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from gequnet.data.phantoms.waves import grid_axis

EDGE = 0.2
"""Half width of the soft surface, which extends from 1 - EDGE to 1 + EDGE of the radius."""

RIM, HALF_RIM = 0.8, 0.3
"""Middle and half width of the rim, as fractions of the radius."""


@dataclass(frozen=True)
class Ellipsoids:
    r"""Ellipsoids with a soft inside and a rim, in coordinates of space.

    Let :math:`\rho` be the distance from the centre in units of the radius in that direction. The brightness is *core*
    times a step that falls at :math:`\rho = 1`, plus *rim* times a bump at :math:`\rho = .8`. Both are functions of
    :math:`\rho` alone, so magnification changes only the size of an ellipsoid.

    Args:
        centres: ``[n, dims]`` from the centre of the picture, in pixels.
        frames: ``[n, dims, dims]``, rows the principal directions divided by the radii: ``rho = |frame @ x|``.
        core: Brightness inside.
        rim: Additional brightness of the rim.
        labelled: True for those in the mask.
    """

    centres: Float64[np.ndarray, "n dims"]
    frames: Float64[np.ndarray, "n dims dims"]
    core: Float64[np.ndarray, " n"]
    rim: Float64[np.ndarray, " n"]
    labelled: Bool[np.ndarray, " n"]

    def magnified(self, factor: float) -> "Ellipsoids":
        """Ellipsoids ``factor`` times as large and as far from the centre."""
        return Ellipsoids(self.centres * factor, self.frames / factor, self.core, self.rim, self.labelled)

    def reach(self) -> Float64[np.ndarray, "n dims"]:
        """Half sides of each bounding box, soft surface included, in pixels."""
        # The columns of the inverse frame are the semi-axes: an ellipsoid's box has their root of summed squares.
        return (1 + EDGE) * np.linalg.norm(np.linalg.inv(self.frames), axis=2)


def draw_ellipsoids(drawn: Ellipsoids, side: int) -> tuple[Float64[np.ndarray, "..."], Bool[np.ndarray, "..."]]:
    """Sum of the brightness of all ellipsoids, and the mask of pixels whose centre is inside a labelled one.

    Args:
        drawn: Ellipsoids; the time for each is proportional to its bounding box.
        side: Side of the square or cube, in pixels.

    Returns:
        Both ``[side, …]``, with as many dimensions as the ellipsoids.
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
    """Brightness profile of the core: 1 inside, 0 outside, a cubic in between with 1/2 on the surface."""
    share = np.clip((1 + EDGE - distance) / (2 * EDGE), 0, 1)
    return share * share * (3 - 2 * share)


def rim_profile(distance: Float64[np.ndarray, "..."]) -> Float64[np.ndarray, "..."]:
    """Brightness profile of the rim: 1 in its middle, 0 outside, smooth in between."""
    return np.clip(1 - ((distance - RIM) / HALF_RIM) ** 2, 0, None) ** 2


def _boxes(drawn: Ellipsoids, side: int) -> tuple[Int64[np.ndarray, "n dims"], Int64[np.ndarray, "n dims"]]:
    middle, reach = drawn.centres + (side - 1) / 2, drawn.reach()
    low, high = np.ceil(middle - reach), np.floor(middle + reach) + 1
    return np.clip(low, 0, side).astype(np.int64), np.clip(high, 0, side).astype(np.int64)


def _distance(
    frame: Float64[np.ndarray, "dims dims"], offsets: list[Float64[np.ndarray, "..."]]
) -> Float64[np.ndarray, "..."]:
    """Distance from the centre in units of the radius, on the grid spanned by the offsets."""
    open_grid = np.ix_(*offsets)
    squares = [sum(part * along for part, along in zip(row, open_grid, strict=True)) ** 2 for row in frame]
    return np.sqrt(sum(squares))
