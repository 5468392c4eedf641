"""Change of basis between another library's representation and ours."""

import math
from collections.abc import Callable

import numpy as np

from gequnet.symmetry.gspace import Element, Representation


def as_element(matrix: np.ndarray) -> Element:
    """Our notation for an orthogonal map of the plane (x right, y up)."""
    return Element(math.atan2(matrix[1, 0], matrix[0, 0]) % math.tau, bool(np.linalg.det(matrix) < 0))


def intertwiner(ours: Representation, theirs: Callable[[int], np.ndarray], moves: list[Element]) -> np.ndarray:
    """Orthogonal Q with Q theirs(i) = ours(moves[i]) Q for all elements of a group (or enough of them).

    The average of ρ(g) R σ(g)ᵀ over the group, for a random R, is such a map; its polar factor is orthogonal.
    """
    random = np.random.default_rng(0).normal(size=(ours.size, theirs(0).shape[0]))
    mean = sum(ours.matrix(g) @ random @ theirs(i).T for i, g in enumerate(moves)) / len(moves)
    u, _, vh = np.linalg.svd(mean)
    q = u @ vh
    for i, g in enumerate(moves):
        assert np.allclose(q @ theirs(i), ours.matrix(g) @ q, atol=1e-6), f"the representations differ at {g}"
    return q
