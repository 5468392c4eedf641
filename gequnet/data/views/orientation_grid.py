"""Grid of windows over a scene: the dominant direction of each, and a selection of distant ones."""

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
        dominance: The dominant range of directions in each window.
        usable: True if it is strong enough and the window has enough valid pixels and foreground.
        stride: Distance between windows in pixels.
    """

    dominance: Dominance
    usable: Bool[np.ndarray, "rows columns"]
    stride: int

    def corners(self, ranges: Sequence[int]) -> Int64[np.ndarray, "n 2"]:
        """The first row and column of the usable windows with one of these dominant ranges."""
        return np.argwhere(self.usable & np.isin(self.dominance.range, ranges)) * self.stride

    def degrees(self, row: int, column: int) -> float:
        """The direction of the window with this corner, in [0, 180)."""
        angle = self.dominance.angle[row // self.stride, column // self.stride]
        return round(float(np.degrees(angle)), 2) % 180


@dataclass(frozen=True)
class OrientationGrid:
    """A grid of windows, and the conditions under which a window has a dominant direction.

    Args:
        size: Height and width of a window in pixels.
        stride: Distance between windows in pixels.
        ranges: Number of ranges of the half circle, see ``Dominance``.
        share: Share of the votes above which a range is dominant.
        min_valid: Minimum share of a window inside the field of view.
        min_foreground: Minimum share of foreground in a window.
        bins: Number of bins of the histograms of directions, a multiple of twice ``ranges``.
        sigma: Standard deviation of the derivatives of the structure tensor in pixels.
        rho: Standard deviation of its neighbourhood in pixels.

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
                f"data.view.bins={self.bins} has a bin that lies in two of the {self.ranges} ranges: give a multiple "
                "of twice data.view.ranges."
            )

    def windows(self, scene: Scene) -> Windows:
        """The windows of this scene. Each valid foreground pixel votes for its direction, weighted by its coherence.

        Raises:
            ConfigError: If it is a volume.
        """
        if len(scene.space) != 2:
            raise ConfigError(
                f"data.view: {scene.id} has {len(scene.space)} axes, and directions are computed in 2-D images "
                "only: take a 2-D dataset."
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


def farthest_corners(corners: Int64[np.ndarray, "n 2"], nearest: float, most: int) -> list[tuple[int, int]]:
    """Corners far from each other, by farthest point sampling in the Chebyshev distance.

    Args:
        corners: Candidates; the first one is the start.
        nearest: Minimum distance between two of them, in pixels.
        most: Maximum number of corners.

    Returns:
        The selected corners, in the order of ``corners``.

    Example:
        >>> farthest_corners(np.array([[0, 0], [0, 1], [0, 5], [0, 9]]), nearest=2.0, most=3)
        [(0, 0), (0, 5), (0, 9)]
    """
    distance = np.full(len(corners), np.inf)
    chosen: list[int] = []
    while len(chosen) < most and len(corners) and distance.max() >= nearest:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, abs(corners - corners[chosen[-1]]).max(1))
    return [(int(row), int(column)) for row, column in corners[sorted(chosen)]]
