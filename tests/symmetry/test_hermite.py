"""Hermite functions: derivatives of a Gaussian, the same integral at every scale, both published modes."""

import numpy as np
import pytest
import sympy
import torch

from gequnet.errors import ConfigError
from gequnet.symmetry.hermite import HermiteBasis, hermite_line, orders_below, orders_up_to


@pytest.mark.parametrize("order", range(5))
@pytest.mark.parametrize("sigma", [0.7, 1.9])
def test_a_line_is_a_derivative_of_a_gaussian(order, sigma):
    """He_n(x/σ) exp(-x²/2σ²) = (-σ)^n d^n/dx^n exp(-x²/2σ²), by symbolic differentiation."""
    x = sympy.Symbol("x")
    derivative = sympy.lambdify(x, sympy.diff(sympy.exp(-(x**2) / (2 * sigma**2)), x, order))
    expected = [(-sigma) ** order * float(derivative(point)) / sigma for point in range(-4, 5)]
    np.testing.assert_allclose(hermite_line(order, sigma, 9), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("dims", "expected"), [(2, [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1)]), (3, [(0, 0, 0), (1, 0, 0)])]
)
def test_orders_run_fastest_along_the_first_axis(dims, expected):
    assert [function.orders for function in orders_below(3, dims)][: len(expected)] == expected


def test_shared_orders_are_repeated_narrower():
    functions = orders_up_to(2, dims=3, count=27)
    assert [f.narrowing for f in functions[:10]] == [1.0] * 10
    assert functions[10].narrowing == pytest.approx(1.2)
    assert functions[26].narrowing == pytest.approx(1.44)
    assert max(sum(f.orders) for f in functions) == 2


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("functions", [lambda dims: orders_below(3, dims), lambda dims: orders_up_to(2, dims, 3**dims)])
def test_dense_is_the_product_of_lines_with_norm_one_at_the_first_scale(dims, functions):
    basis = HermiteBasis(functions(dims), sigmas=[1.0, 0.9, 1.5], side=7)
    dense = basis.dense()
    assert dense.shape == (len(basis), 3, *[7] * dims)
    norms = dense.flatten(2).norm(dim=2)
    torch.testing.assert_close(norms[:, 0], torch.ones(len(basis)))
    function, scale = basis.functions[-1], 2
    lines = [hermite_line(order, 1.5 / function.narrowing, 7) for order in function.orders]
    first = [hermite_line(order, 1.0 / function.narrowing, 7) for order in function.orders]
    expected = np.ones(())
    for line, reference in zip(lines, first, strict=True):
        expected = np.multiply.outer(expected, line / np.linalg.norm(reference))
    np.testing.assert_allclose(dense[-1, scale], expected, atol=1e-6)


def test_the_integral_is_the_same_at_every_scale():
    sums = HermiteBasis(orders_up_to(0, 2), sigmas=[1.0, 1.5, 2.0], side=25).dense().sum((2, 3))
    torch.testing.assert_close(sums, sums[:, :1].expand(-1, 3), rtol=1e-4, atol=0)


def test_proportional_kernels_are_cut_with_their_sigma():
    dense = HermiteBasis(orders_up_to(0, 2), sigmas=[1.0, 2.0], side=9, proportional=True).dense()
    filled = (dense[0] != 0).sum((1, 2))
    assert filled.tolist() == [25, 81]


@pytest.mark.parametrize(("side", "words"), [(4, "no middle"), (3, "single pixel")])
def test_sides_that_make_no_kernel_are_refused(side, words):
    with pytest.raises(ConfigError, match=words):
        HermiteBasis(orders_up_to(2, 2), sigmas=[1.0, 4.0], side=side, proportional=True)
