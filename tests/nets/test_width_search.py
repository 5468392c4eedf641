"""The search for widths, compared with its definition and with exhaustive search."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gequnet.nets.costs import BUDGETS, MEASURES
from gequnet.nets.e2unet import E2UNet
from gequnet.nets.unet import UNet
from gequnet.nets.width import build_on_meta
from gequnet.nets.width_search import fit_budget, is_similar, rank_shapes, shape_distance
from helpers.slow import slow_unless

levels = st.integers(2, 4)


def is_alike(widths: list[int], proportions: list[float]) -> bool:
    """True if some scale brings every level within one field or a fifth; tries the ends of the intervals."""
    ends = [e / p for w, p in zip(widths, proportions, strict=True) for e in (w - 1, w + 1, w / 1.2, w / 0.8)]
    near = any(
        all(abs(w - s * p) <= max(1, 0.2 * s * p) + 1e-9 for w, p in zip(widths, proportions, strict=True))
        for s in ends
        if s >= 0
    )
    steps = zip(itertools.pairwise(widths), itertools.pairwise(proportions), strict=True)
    return near and all(w1 >= w0 or p1 < p0 for (w0, w1), (p0, p1) in steps)


@given(st.data())
def test_alike_is_what_it_says(data):
    n = data.draw(levels)
    widths = data.draw(st.lists(st.integers(1, 40), min_size=n, max_size=n))
    proportions = data.draw(st.lists(st.integers(1, 99), min_size=n, max_size=n))
    assert is_similar(np.array([widths]), np.array(proportions, dtype=float))[0] == is_alike(widths, proportions)


def test_shapes_that_are_not_like_the_baseline():
    baseline = np.array([12.0, 24.0, 45.0])
    refused = np.array([[3, 4, 15], [1, 2, 9], [12, 24, 24], [9, 8, 16], [20, 24, 45]])
    assert not is_similar(refused, baseline).any()


@given(st.lists(st.floats(1, 100), min_size=2, max_size=4), st.integers(1, 9))
def test_distance_is_invariant_to_scale_and_taken_at_the_best_scale(proportions, factor):
    widths = np.array([[math.ceil(p) for p in proportions]])
    baseline = np.array(proportions)
    found = shape_distance(widths, baseline)[0]
    assert shape_distance(factor * widths, baseline)[0] == pytest.approx(found, abs=1e-12)
    scales = np.exp(np.linspace(-1, 1, 201))[:, None]
    tried = np.abs(np.log(widths / (scales * baseline))).max(axis=1)
    assert tried.min() >= found - 1e-12
    assert tried.min() <= found + 0.02  # between two scales that were tried


@settings(deadline=None)
@given(st.data())
def test_the_search_equals_exhaustive_search(data):
    """Quadratic budgets of narrow networks, for which every shape can be tried."""
    n = data.draw(st.integers(2, 3))
    proportions = data.draw(st.lists(st.integers(4, 20), min_size=n, max_size=n))
    linear = np.array(data.draw(st.lists(st.integers(0, 20), min_size=n, max_size=n)))
    square = np.array(data.draw(st.lists(st.integers(1, 20), min_size=n, max_size=n)))
    scale, bound = data.draw(st.floats(0.02, 0.5)), data.draw(st.sampled_from([0.01, 0.03]))
    baseline = np.array(proportions, dtype=float)

    def budget(widths):
        return widths @ linear + widths**2 @ square

    target = max(1, round(float(budget(scale * baseline))))
    best = rank_shapes(budget, baseline.tolist(), target, bound)[0]

    everything = np.array(list(itertools.product(*[range(1, math.ceil(2 * scale * p) + 8) for p in proportions])))
    everything = everything[is_similar(everything, baseline)]

    def key(rows):
        misses = np.abs(budget(rows) / target - 1)
        return np.where(misses <= bound, shape_distance(rows, baseline) - 1e6, misses)

    assert key(best[None])[0] == pytest.approx(key(everything).min(), abs=1e-8)


RECIPES = {
    "plain": lambda widths: UNet(3, 1, widths),
    "volume": lambda widths: UNet(1, 1, widths, spatial_dims=3, norm="instance"),
    "residual": lambda widths: UNet(3, 1, widths, residual=True, upsample="transposed"),
    "c4": lambda widths: E2UNet(3, 1, widths, "c4", residual=True),
    "d8": lambda widths: E2UNet(3, 1, widths, "d8", restrict={1: "d4"}),
    "so2": lambda widths: E2UNet(3, 1, widths, "so2", norm="none"),
}


QUICK = [("plain", "parameters"), ("residual", "parameters"), ("d8", "flops"), ("so2", "activations")]


@pytest.mark.parametrize(("recipe", "budget"), slow_unless(QUICK.__contains__, itertools.product(RECIPES, BUDGETS)))
def test_a_budget_is_a_polynomial(recipe, budget):
    """Far from the networks of the fit, the prediction equals the measurement."""

    def measure(widths):
        return MEASURES[budget](build_on_meta(RECIPES[recipe], widths), 24)

    far = [[1, 2, 4], [40, 17, 90], [4, 7, 7], [60, 60, 60]]
    predicted = fit_budget(measure, 3)(np.array(far, dtype=float))
    assert predicted.tolist() == pytest.approx([measure(widths) for widths in far], rel=1e-9)
