"""Bases of the steerable kernels, sampled on the pixel grid.

A convolution from fields of type ρ_in to fields of type ρ_out commutes with a group exactly if its kernel solves

    K(g x) = ρ_out(g) K(x) ρ_in(g)⁻¹      for every element g.

A function on the group is determined by the values of its orbit at the identity, and so is K. Choose one row of scalar
functions s_j(x), the output at the identity, and average it over the group,

    K(x) = Σ_g ρ_out(g) e s(g⁻¹x)ᵀ ρ_in(g)⁻¹,      e = the functional f ↦ f(identity).

This is Frobenius reciprocity; every solution has this form. Each s_j runs over circular harmonics on rings with a
Gaussian profile, limited to the frequencies that the ring can carry on the grid. A rotation maps a harmonic to
harmonics of the same ring, so nothing is interpolated. The sampled kernel is exactly steerable under the elements that
map the grid to itself, and as far as the grid resolves it under the others.

The basis is orthogonal and depends on its arguments only. A weight means the same kernel on every machine, so a
checkpoint holds no kernels. (escnn obtains the same space from tensor products that it decomposes by a randomised SVD;
its coefficients differ from machine to machine. The tests compare with it.)

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

# Width of a ring's Gaussian profile in pixels. The grid cuts the outermost ring off, so it is narrower.
INNER_WIDTH, OUTER_WIDTH = 0.6, 0.4
# Relative length below which the rest of a candidate, without its part along earlier ones, counts as 0.
INDEPENDENT = 1e-6


def ring_frequency(radius: int, last: int) -> int:
    """Highest angular frequency without aliasing on a ring of ``radius`` pixels; ``last`` is the outermost ring."""
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
        # The polar angle is undefined at the origin: only frequency 0 has a value there.
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


def act_on_points(points: Float[Array, "n 2"], element: Element) -> Float[Array, "n 2"]:
    """The points g x of ``element`` g."""
    cosine, sine = math.cos(element.angle), math.sin(element.angle)
    turn = np.array([[cosine, -sine], [sine, cosine]])
    if element.flip:
        turn = turn @ np.diag([1.0, -1.0])
    return points @ turn.T


@lru_cache(maxsize=64)
@torch.inference_mode(False)  # or what a prediction has cached could not be used in a training
def kernel_basis(
    in_rep: Representation, out_rep: Representation, kernel_size: int
) -> Float[Tensor, "basis out in k k"]:
    """Orthogonal basis of the steerable kernels from one field of ``in_rep`` to one of ``out_rep``.

    The squared norm of each element is the number of output channels: white noise of unit variance is mapped to unit
    variance on average over these channels. The tensor is cached and shared between callers; do not write to it.

    Raises:
        ConfigError: the representations belong to different groups, or the kernel has no middle pixel.
    """
    if in_rep.group != out_rep.group:
        raise ConfigError(f"no layer maps {in_rep} to {out_rep}: restrict to a common subgroup first")
    if kernel_size % 2 == 0:
        raise ConfigError(
            f"a steerable kernel rotates about its middle pixel: kernel_size must be odd, got {kernel_size}"
        )
    group = in_rep.group
    # This many angles average the products of two bandlimited functions and a harmonic exactly.
    bandwidth = 2 * group.max_frequency + kernel_size
    elements = group.grid(group.rotations or 2 * bandwidth + 1)
    points = pixel_grid(kernel_size)
    columns = np.stack([out_rep.matrix(g) @ out_rep.identity_value() for g in elements])
    inputs = np.stack([in_rep.matrix(g) for g in elements])
    harmonics = np.stack([circular_harmonics(act_on_points(points, g.inverse()), kernel_size) for g in elements])
    candidates = np.einsum("go,gij,gxh->jhoix", columns, inputs, harmonics, optimize=True)
    shape = (out_rep.size, in_rep.size, kernel_size, kernel_size)
    basis: Array = _orthogonal(candidates.reshape(-1, math.prod(shape)))
    return torch.from_numpy(basis * math.sqrt(out_rep.size)).float().reshape(-1, *shape)


def _orthogonal(candidates: Float[Array, "n d"]) -> Float[Array, "m d"]:
    """Gram-Schmidt in the given order; candidates that depend on earlier ones are left out."""
    units = np.empty_like(candidates)
    rank = 0
    for candidate in candidates:
        length = float(np.linalg.norm(candidate))
        rest = candidate
        for _ in range(2):  # a single pass leaves rounding errors of the order of the removed part
            rest = rest - (units[:rank] @ rest) @ units[:rank]
        if np.linalg.norm(rest) > INDEPENDENT * max(length, 1.0):
            units[rank] = rest / np.linalg.norm(rest)
            rank += 1
    return units[:rank]
