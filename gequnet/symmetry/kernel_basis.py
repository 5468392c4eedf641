"""Bases of the steerable kernels, sampled on the pixel grid.

A convolution from fields of type ρ_in to fields of type ρ_out commutes with a group exactly if its kernel solves

    K(g x) = ρ_out(g) K(x) ρ_in(g)⁻¹      for every element g.

The function that a regular field stands for is known from what its orbit shows at the identity, and so is K: choose one
row of scalar functions s_j(x), read as the output at the identity, and average it over the group,

    K(x) = Σ_g ρ_out(g) e s(g⁻¹x)ᵀ ρ_in(g)⁻¹,      e = the functional f ↦ f(identity).

This is Frobenius reciprocity; every solution arises in this way. Each s_j runs over circular harmonics on rings with
a Gaussian profile, limited to the frequencies that the ring can carry on the grid. A rotation turns a harmonic into
harmonics of the same ring, so nothing is interpolated: under the elements that map the grid to itself the sampled
kernel is exactly steerable, under the others as far as the grid can tell.

The basis is orthogonal and depends on nothing but its arguments: a weight means the same kernel on every machine, so
a checkpoint needs to hold no kernels. (escnn obtains the same space from tensor products that it decomposes by a
randomised SVD; its coefficients differ from machine to machine. Here it serves as the oracle of the tests.)

References:
    Weiler and Cesa, General E(2)-equivariant steerable CNNs, arXiv:1911.08251 (constraint, rings, frequencies).
"""

import math
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gequnet.errors import ConfigError
from gequnet.symmetry.gspace import Array, Element, Representation

# Width of a ring's Gaussian profile in pixels: the outermost ring is cut off by the grid, so it is narrower.
INNER_WIDTH, OUTER_WIDTH = 0.6, 0.4
# A candidate this small after removing its part along the earlier ones is a combination of them.
INDEPENDENT = 1e-6


def ring_frequency(radius: int, last: int) -> int:
    """Highest angular frequency that a ring of ``radius`` pixels carries unaliased; ``last`` is the outermost."""
    if radius == 0:
        return 0
    return 2 if radius == last else 2 * radius - (radius + 1) % 2


def circular_harmonics(points: Float[Array, "... 2"], kernel_size: int) -> Float[Array, "... harmonics"]:
    """Cosines and sines of the polar angle on rings of radius 0, 1, …, ``kernel_size // 2``, at the given points."""
    x, y = points[..., 0], points[..., 1]
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    last = kernel_size // 2
    columns = [(radius < 0.5).astype(float)]
    for ring in range(1, last + 1):
        width = OUTER_WIDTH if ring == last else INNER_WIDTH
        # Only frequency 0 has a value at the origin, where the polar angle is undefined.
        profile = np.exp(-((radius - ring) ** 2) / (2 * width**2))
        columns.append(profile)
        for frequency in range(1, ring_frequency(ring, last) + 1):
            around = np.where(radius < 1e-9, 0.0, profile)
            columns += [around * np.cos(frequency * angle), around * np.sin(frequency * angle)]
    return np.stack(columns, axis=-1)


def pixel_grid(kernel_size: int) -> Float[Array, "k2 2"]:
    """Coordinates (x right, y up) of a kernel's pixels in reading order, the origin in the middle."""
    half = kernel_size // 2
    rows, columns = np.mgrid[-half : half + 1, -half : half + 1]
    return np.stack([columns, -rows], axis=-1).reshape(-1, 2).astype(float)


def moved(points: Float[Array, "n 2"], element: Element) -> Float[Array, "n 2"]:
    """The points g x."""
    cosine, sine = math.cos(element.angle), math.sin(element.angle)
    turn = np.array([[cosine, -sine], [sine, cosine]])
    if element.flip:
        turn = turn @ np.diag([1.0, -1.0])
    return points @ turn.T


@lru_cache(maxsize=64)
def kernel_basis(
    in_rep: Representation, out_rep: Representation, kernel_size: int
) -> Float[Tensor, "basis out in k k"]:
    """An orthogonal basis of the steerable kernels from one field of ``in_rep`` to one of ``out_rep``.

    Each element's squared norm equals the number of output channels: applied to white noise of unit variance it gives
    unit variance on average over those channels. The tensor is shared between callers and must not be written to.

    Raises:
        ConfigError: if the representations belong to different groups or the kernel has no middle pixel.
    """
    if in_rep.group != out_rep.group:
        raise ConfigError(f"no layer maps {in_rep} to {out_rep}: restrict to a common subgroup first")
    if kernel_size % 2 == 0:
        raise ConfigError(
            f"a steerable kernel turns about its middle pixel: kernel_size must be odd, got {kernel_size}"
        )
    group = in_rep.group
    # The products of two bandlimited functions and a harmonic are averaged exactly by this many angles.
    bandwidth = 2 * group.max_frequency + kernel_size
    elements = group.grid(group.rotations or 2 * bandwidth + 1)
    points = pixel_grid(kernel_size)
    columns = np.stack([out_rep.matrix(g) @ out_rep.identity_value() for g in elements])
    inputs = np.stack([in_rep.matrix(g) for g in elements])
    harmonics = np.stack([circular_harmonics(moved(points, g.inverse()), kernel_size) for g in elements])
    candidates = np.einsum("go,gij,gxh->jhoix", columns, inputs, harmonics, optimize=True)
    shape = (out_rep.size, in_rep.size, kernel_size, kernel_size)
    basis: Array = _orthogonal(candidates.reshape(-1, math.prod(shape)))
    return torch.from_numpy(basis * math.sqrt(out_rep.size)).float().reshape(-1, *shape)


def _orthogonal(candidates: Float[Array, "n d"]) -> Float[Array, "m d"]:
    """Gram-Schmidt in the given order, leaving out what depends on earlier candidates."""
    units = np.empty_like(candidates)
    found = 0
    for candidate in candidates:
        length = float(np.linalg.norm(candidate))
        rest = candidate
        for _ in range(2):  # once leaves rounding errors of the order of what was removed
            rest = rest - (units[:found] @ rest) @ units[:found]
        if np.linalg.norm(rest) > INDEPENDENT * max(length, 1.0):
            units[found] = rest / np.linalg.norm(rest)
            found += 1
    return units[:found]
