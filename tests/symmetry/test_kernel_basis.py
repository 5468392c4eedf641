import time

import numpy as np
import pytest
import torch

from gequnet.errors import ConfigError
from gequnet.symmetry.gspace import PlaneGroup
from gequnet.symmetry.kernel_basis import act_on_points, kernel_basis, pixel_grid
from helpers import e2cnn_oracle, escnn_oracle

QUICK = ["c1", "c2", "c4", "c8", "d1", "d4", "so2"]
# escnn solves these numerically, in seconds to minutes, before it caches them.
PATIENT = [pytest.param(name, marks=pytest.mark.slow) for name in ("c16", "d2", "d8", "d16", "o2")]
SINGLE = 1e-5


def misfit(kernel: torch.Tensor, basis: torch.Tensor) -> float:
    """Relative norm of the part of a kernel [out, in, k, k] outside the span of a basis."""
    columns, target = basis.flatten(1).T.double(), kernel.flatten().double()
    weights = torch.linalg.lstsq(columns, target[:, None]).solution[:, 0]
    return ((columns @ weights - target).norm() / target.norm()).item()


@pytest.mark.parametrize("name", [*QUICK, *PATIENT])
@pytest.mark.parametrize("size", [3, 5])
def test_spans_the_kernels_of_escnn(name, size):
    group = PlaneGroup.parse(name)
    for in_rep, out_rep in (
        (group.trivial, group.regular),
        (group.regular, group.regular),
        (group.regular, group.trivial),
    ):
        theirs, dimension = escnn_oracle.random_kernel(in_rep, out_rep, size)
        ours = kernel_basis(in_rep, out_rep, size)
        assert len(ours) == dimension
        assert misfit(theirs, ours) < SINGLE


@pytest.mark.parametrize("name", [*QUICK[:-1], *PATIENT[:-1]])
def test_spans_the_kernels_of_e2cnn(name):
    group = PlaneGroup.parse(name)
    theirs, dimension = e2cnn_oracle.random_kernel(group, 3)
    ours = kernel_basis(group.regular, group.regular, 3)
    assert len(ours) == dimension
    assert misfit(theirs, ours) < SINGLE


@pytest.mark.parametrize("name", ["c4", "d1", "d4", "c8", "d8", "so2", "o2"])
def test_solves_the_constraint_on_the_grid(name):
    """K(gx) = ρ(g) K(x) ρ(g)⁻¹ pixel by pixel, for the elements that move pixels to pixels."""
    group = PlaneGroup.parse(name)
    rho, points = group.regular, pixel_grid(5)
    basis = kernel_basis(rho, rho, 5).double().numpy().reshape(-1, rho.size, rho.size, 25)
    for g in group.grid_elements():
        target = act_on_points(points, g)
        pixel = [int(np.abs(points - x).sum(1).argmin()) for x in target]
        matrix = rho.matrix(g)
        np.testing.assert_allclose(basis[..., pixel], np.einsum("ab,nbcx,dc->nadx", matrix, basis, matrix), atol=1e-6)


@pytest.mark.parametrize("name", ["c1", "c8", "d8", "so2", "o2"])
def test_is_orthogonal_and_keeps_variance(name):
    group = PlaneGroup.parse(name)
    flat = kernel_basis(group.regular, group.regular, 3).flatten(1).double()
    torch.testing.assert_close(flat @ flat.T, group.regular.size * torch.eye(len(flat)).double(), atol=1e-4, rtol=0)


def test_is_cheap_to_build():
    """A network of D8 builds three bases. escnn takes seconds for each; these need no cache on disk."""
    group = PlaneGroup.parse("d8")
    kernel_basis.cache_clear()
    start = time.perf_counter()
    kernel_basis(group.trivial, group.regular, 3)
    kernel_basis(group.regular, group.regular, 3)
    assert time.perf_counter() - start < 1


def test_refuses_an_even_kernel_and_two_groups():
    c4, d4 = PlaneGroup.parse("c4"), PlaneGroup.parse("d4")
    with pytest.raises(ConfigError, match="must be odd, got 4"):
        kernel_basis(c4.trivial, c4.regular, 4)
    with pytest.raises(ConfigError, match="restrict to a common subgroup"):
        kernel_basis(c4.regular, d4.regular, 3)
