r"""Kernels in closed form at any scale: Hermite polynomials times a Gaussian.

The function of orders :math:`n = (n_1, …, n_d)` at scale :math:`\sigma`, in pixels, is

.. math:: \psi_n(x) = \prod_a \frac{1}{\sigma} \mathrm{He}_{n_a}(x_a / \sigma) \exp(-x_a^2 / 2\sigma^2),

up to its sign the partial derivative of a Gaussian, :math:`n_a` times along axis a. The factor :math:`1/\sigma` for
each axis keeps its integral the same at every scale. So the convolution of a magnified image with the magnified
function is the magnified map. On a grid this is true as far as the grid resolves the function and the kernel contains
it.

References:
    Sosnovik, Szmaja and Smeulders, Scale-Equivariant Steerable Networks, arXiv:1910.11093.
    Wimmer et al., Scale-Equivariant Deep Learning for 3D Data, arXiv:2304.05864.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from jaxtyping import Float
from numpy.polynomial.hermite_e import hermeval
from torch import Tensor

from gequnet.errors import ConfigError


@dataclass(frozen=True)
class Hermite:
    """One Hermite function of a basis.

    Args:
        orders: the order along each axis of space.
        narrowing: the sigma of the scale is divided by this number.
    """

    orders: tuple[int, ...]
    narrowing: float = 1.0


def orders_below(size: int, dims: int) -> list[Hermite]:
    """Functions of every order below ``size`` along each axis: ``size ** dims`` of them, the first axis fastest.

    >>> [function.orders for function in orders_below(2, dims=2)]
    [(0, 0), (1, 0), (0, 1), (1, 1)]
    """
    return [Hermite(orders[::-1]) for orders in product(range(size), repeat=dims)]


def orders_up_to(total: int, dims: int, count: int | None = None, narrowing: float = 1.2) -> list[Hermite]:
    """Functions whose orders sum to at most ``total``, then the same ones narrower, until there are ``count``.

    Args:
        total: the highest sum of the orders.
        dims: number of axes of space.
        count: number of functions; ``None`` for those of one sigma.
        narrowing: divisor of sigma for each further round.

    >>> [function.orders for function in orders_up_to(1, dims=2)]
    [(0, 0), (1, 0), (0, 1)]
    >>> orders_up_to(1, dims=2, count=4)[-1]
    Hermite(orders=(0, 0), narrowing=1.2)
    """
    once = [function.orders for function in orders_below(total + 1, dims) if sum(function.orders) <= total]
    count = len(once) if count is None else count
    return [Hermite(once[index % len(once)], narrowing ** (index // len(once))) for index in range(count)]


def hermite_line(order: int, sigma: float, side: int) -> Float[np.ndarray, " side"]:
    """He_n(x / σ) exp(-x² / 2σ²) / σ at ``side`` points of distance 1, centred at 0."""
    x = (np.arange(side) - (side - 1) / 2) / sigma
    return np.asarray(hermeval(x, [0] * order + [1]) * np.exp(-(x**2) / 2) / sigma)


class HermiteBasis:
    """Hermite functions sampled at several scales, on a grid of the same side for all scales.

    Each function is divided by its Euclidean norm at the first scale, by the same number at every scale.

    Args:
        functions: the functions of the basis.
        sigmas: in pixels, one for each scale.
        side: side of the kernels in pixels, odd.
        proportional: crop the kernels of a smaller sigma to a proportionally smaller side.

    Raises:
        ConfigError: the side is even, or too small for a sigma.

    >>> HermiteBasis(orders_up_to(2, dims=3), sigmas=[1.0, 1.4], side=7).dense().shape
    torch.Size([10, 2, 7, 7, 7])
    """

    def __init__(
        self, functions: Sequence[Hermite], sigmas: Sequence[float], side: int, proportional: bool = False
    ) -> None:
        if side % 2 == 0 or side < 1:
            raise ConfigError(f"kernel_size={side} has no middle pixel: use an odd number.")
        sides = [int(side * sigma / max(sigmas)) // 2 * 2 + 1 if proportional else side for sigma in sigmas]
        if min(sides) < 3 <= side:
            raise ConfigError(
                f"kernel_size={side} leaves a single pixel to the smallest of sigmas "
                f"{[round(sigma, 3) for sigma in sigmas]}: use a larger kernel_size."
            )
        self.functions, self.sigmas, self.side = tuple(functions), tuple(sigmas), side
        self.dims = len(self.functions[0].orders)
        self._sides = sides

    def __len__(self) -> int:
        return len(self.functions)

    @property
    def line_names(self) -> list[tuple[int, float]]:
        """Order and narrowing of the distinct one-dimensional factors of the functions."""
        return sorted({(order, function.narrowing) for function in self.functions for order in function.orders})

    def lines(self) -> Float[Tensor, "lines scales side"]:
        """The distinct one-dimensional factors, sampled and normalised, in the order of ``line_names``."""
        table = np.zeros((len(self.line_names), len(self.sigmas), self.side))
        for line, (order, narrowing) in enumerate(self.line_names):
            for s, (sigma, side) in enumerate(zip(self.sigmas, self._sides, strict=True)):
                margin = (self.side - side) // 2
                table[line, s, margin : self.side - margin] = hermite_line(order, sigma / narrowing, side)
        return torch.from_numpy(table / np.linalg.norm(table[:, :1], axis=2, keepdims=True)).float()

    def factors(self) -> list[tuple[int, ...]]:
        """For each function the indices of its lines, one for each axis."""
        names = {name: number for number, name in enumerate(self.line_names)}
        return [tuple(names[order, f.narrowing] for order in f.orders) for f in self.functions]

    def dense(self) -> Float[Tensor, "functions scales *space"]:
        """The functions on the full grid: outer products of their lines."""
        lines, factors = self.lines(), torch.tensor(self.factors())
        basis = lines[factors[:, 0]]
        for axis in range(1, self.dims):
            along = lines[factors[:, axis]]
            basis = basis.unsqueeze(-1) * along.reshape(*along.shape[:2], *[1] * axis, self.side)
        return basis
