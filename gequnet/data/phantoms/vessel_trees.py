"""Geometry of the vessel phantom: random trees of smooth, tapering, branching curves."""

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

STEP = 2.0
"""Length in pixels of the segments of a curve, short enough for a smooth look."""

THINNEST = 0.55
"""Least radius of a curve in pixels, so that every labelled curve is visible on the grid."""


@dataclass(frozen=True)
class Segments:
    """Straight segments of curves, in pixels from the centre of the image, y down and x to the right.

    Args:
        start: First end ``(y, x)`` of each segment.
        end: Second end of each segment.
        radius: Radius at each end.
        contrast: Darkness of the middle of each segment relative to its surroundings.
    """

    start: Float64[np.ndarray, "n 2"]
    end: Float64[np.ndarray, "n 2"]
    radius: Float64[np.ndarray, "n 2"]
    contrast: Float64[np.ndarray, " n"]

    def rotated(self, turn: Float64[np.ndarray, "2 2"]) -> "Segments":
        """Segments after the linear map ``turn`` of the plane."""
        return Segments(_rotated(self.start, turn), _rotated(self.end, turn), self.radius, self.contrast)


@dataclass(frozen=True)
class _Branch:
    root: Float64[np.ndarray, " 2"]
    heading: float
    length: float
    radius: float
    contrast: float
    generation: int


def grow_trees(rng: np.random.Generator, extent: float, trees: int, generations: int = 3) -> Segments:
    """Trees with uniformly random roots in a disc of radius ``extent`` and uniformly random headings.

    A branch is a curve of slowly changing curvature. Its radius falls to about half from root to tip. Branches of all
    generations but the last have thinner, fainter branches on both sides.
    """
    queue = deque(_trunk(rng, extent) for _ in range(trees))
    grown: list[Segments] = []
    while queue:
        branch = queue.popleft()
        points, headings = _trace(rng, branch)
        radii = np.maximum(branch.radius * np.linspace(1.0, 0.5, len(points)), THINNEST)
        contrast = branch.contrast * np.linspace(1.0, 0.8, len(points) - 1)
        grown.append(Segments(points[:-1], points[1:], np.stack([radii[:-1], radii[1:]], 1), contrast))
        if branch.generation + 1 < generations:
            queue.extend(_child_branches(rng, branch, points, headings, radii))
    return Segments(
        *(np.concatenate([getattr(g, part) for g in grown]) for part in ("start", "end", "radius", "contrast"))
    )


def _trunk(rng: np.random.Generator, extent: float) -> _Branch:
    distance, bearing = extent * math.sqrt(rng.uniform()), rng.uniform(0, 2 * math.pi)
    return _Branch(
        root=distance * np.array([math.sin(bearing), math.cos(bearing)]),
        heading=rng.uniform(0, 2 * math.pi),
        length=extent * rng.uniform(0.6, 1.4),
        radius=rng.uniform(1.0, 3.2),
        contrast=rng.uniform(0.14, 0.4),
        generation=0,
    )


def _trace(
    rng: np.random.Generator, branch: _Branch
) -> tuple[Float64[np.ndarray, "points 2"], Float64[np.ndarray, " steps"]]:
    steps = max(2, round(branch.length / STEP))
    s = np.linspace(0, 2 * math.pi, steps)
    bends = rng.normal(0, 0.012, 3)[:, None] * np.sin(
        np.array([0.5, 1.0, 2.0])[:, None] * s + rng.uniform(0, 6, (3, 1))
    )
    headings = branch.heading + np.cumsum(bends.sum(0) * STEP)
    strides = STEP * np.stack([np.sin(headings), np.cos(headings)], 1)
    return np.concatenate([branch.root[None], branch.root + np.cumsum(strides, 0)]), headings


def _child_branches(
    rng: np.random.Generator,
    branch: _Branch,
    points: Float64[np.ndarray, "points 2"],
    headings: Float64[np.ndarray, " steps"],
    radii: Float64[np.ndarray, " points"],
) -> list[_Branch]:
    def child() -> _Branch:
        at = int(rng.integers(len(headings) // 6, len(headings)))
        side = rng.choice([-1.0, 1.0])
        return _Branch(
            root=points[at],
            heading=headings[at] + side * rng.uniform(0.4, 1.1),
            length=branch.length * rng.uniform(0.35, 0.7),
            radius=max(radii[at] * rng.uniform(0.6, 0.85), THINNEST),
            contrast=branch.contrast * rng.uniform(0.7, 1.0),
            generation=branch.generation + 1,
        )

    return [child() for _ in range(int(rng.integers(1, 4)))]


def _rotated(points: Float64[np.ndarray, "n 2"], turn: Float64[np.ndarray, "2 2"]) -> Float64[np.ndarray, "n 2"]:
    # Written out instead of a matrix product, so that a quarter turn (entries 0 and ±1) is exact to the last bit.
    y, x = points[:, 0], points[:, 1]
    return np.stack([turn[0, 0] * y + turn[0, 1] * x, turn[1, 0] * y + turn[1, 1] * x], 1)
