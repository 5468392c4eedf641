"""A grid of windows over a scene: which way each of them runs, and some that lie far apart."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from gequnet.data.scene import Scene
from gequnet.data.views.orientation import Dominance, directions, dominance, window_sums
from gequnet.errors import ConfigError


@dataclass(frozen=True)
class Windows:
    """The windows of one image.

    Args:
        dominance: Which range of directions is the strongest in each.
        usable: Whether it is strong enough, and whether there is enough in the window to say so.
        stride: Distance between windows in pixels.
    """

    dominance: Dominance
    usable: Bool[np.ndarray, "rows columns"]
    stride: int

    def corners(self, ranges: Sequence[int]) -> Int64[np.ndarray, "n 2"]:
        """The first row and column of the usable windows that run in one of these ranges."""
        return np.argwhere(self.usable & np.isin(self.dominance.range, ranges)) * self.stride

    def degrees(self, row: int, column: int) -> float:
        """The direction of the window with this corner, in [0, 180)."""
        angle = self.dominance.angle[row // self.stride, column // self.stride]
        return round(float(np.degrees(angle)), 2) % 180


@dataclass(frozen=True)
class Grid:
    """How windows are laid over a scene and judged.

    Args:
        size: Height and width of a window in pixels.
        stride: Distance between windows in pixels.
        ranges: Into how many ranges the half circle is cut, see ``Dominance``.
        share: A range is dominant above this share of the votes.
        min_valid: Least share of a window inside the field of view.
        min_foreground: Least share of a window that is foreground.
        bins: Of the histograms of directions, a multiple of twice ``ranges``.
        sigma: Width of the derivatives of the structure tensor in pixels.
        rho: Width of its neighbourhood in pixels.

    Raises:
        ConfigError: If these do not make a grid.
    """

    size: tuple[int, int]
    stride: int
    ranges: int
    share: float
    min_valid: float
    min_foreground: float
    bins: int
    sigma: float
    rho: float

    def __post_init__(self) -> None:
        if min(self.size) < 1 or self.stride < 1:
            raise ConfigError(
                f"data.view.size={list(self.size)} and data.view.stride={self.stride} must be at least 1 pixel."
            )
        if self.ranges < 1 or self.bins < 1 or self.bins % (2 * self.ranges):
            raise ConfigError(
                f"data.view.bins={self.bins} would cut a bin in two at the border of one of {self.ranges} ranges; give "
                "a multiple of twice data.view.ranges."
            )

    def windows(self, scene: Scene) -> Windows:
        """The windows of this scene; every valid foreground pixel votes for its direction, with its coherence.

        Raises:
            ConfigError: If it is a volume.
        """
        if len(scene.space) != 2:
            raise ConfigError(
                f"data.view: {scene.id} has {len(scene.space)} axes, and directions are looked for in images of two; "
                "take a 2-D dataset."
            )
        valid = scene.valid.numpy()
        foreground = (scene.mask > 0).reshape(-1, *scene.space).any(0).numpy() & valid
        runs = directions(foreground, self.sigma, self.rho)
        bins = np.minimum((runs.angle * self.bins / np.pi).astype(np.int64), self.bins - 1)
        votes = window_sums(bins, runs.coherence * foreground, self.bins, self.size, self.stride)
        found = dominance(votes, self.ranges)
        enough = (self._mean(valid) >= self.min_valid) & (self._mean(foreground) >= self.min_foreground)
        return Windows(found, enough & (found.share > self.share), self.stride)

    def _mean(self, part: Bool[np.ndarray, "h w"]) -> Float64[np.ndarray, "rows columns"]:
        nothing = np.zeros(part.shape, dtype=np.int64)
        sums = window_sums(nothing, part.astype(np.float64), 1, self.size, self.stride)
        return sums[..., 0] / (self.size[0] * self.size[1])


def spread(corners: Int64[np.ndarray, "n 2"], nearest: float, most: int) -> list[tuple[int, int]]:
    """Corners far from each other: each next one is the farthest from all before, in steps of a king on a chessboard.

    Args:
        corners: To choose from; the first is the start.
        nearest: None is nearer to another than this, in pixels.
        most: So many at most.

    Returns:
        The chosen, in the order in which they were given.

    Example:
        >>> spread(np.array([[0, 0], [0, 1], [0, 5], [0, 9]]), nearest=2.0, most=3)
        [(0, 0), (0, 5), (0, 9)]
    """
    distance = np.full(len(corners), np.inf)
    chosen: list[int] = []
    while len(chosen) < most and len(corners) and distance.max() >= nearest:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, abs(corners - corners[chosen[-1]]).max(1))
    return [(int(row), int(column)) for row, column in corners[sorted(chosen)]]
