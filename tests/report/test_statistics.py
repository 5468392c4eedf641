"""Statistics of cases that are small enough to be counted by hand."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gequnet.report.statistics import compare, holm, interval, signed_rank, smallest_p


def by_enumeration(differences):
    """Share of all sign choices whose rank sum is at least as far from the middle as the observed one."""
    differences = np.asarray([each for each in differences if each != 0])
    sizes = np.abs(differences)
    ranks = np.array([(sizes < size).sum() + ((sizes == size).sum() + 1) / 2 for size in sizes])
    middle = ranks.sum() / 2
    observed = abs(ranks[differences > 0].sum() - middle)
    sums = np.array([(np.array(signs) * ranks).sum() for signs in product((0, 1), repeat=len(ranks))])
    return float((np.abs(sums - middle) >= observed - 1e-9).mean())


@pytest.mark.parametrize(
    ("differences", "p"),
    [
        ([1.0, 2.0, 3.0], 2 / 8),  # only all up and all down are as far out
        ([1.0, 2.0, -3.0], 8 / 8),  # ranks 1 + 2 against 3: the middle
        ([-1.0, 2.0, 3.0, 4.0, 5.0], 4 / 32),  # rank sums 0, 1, 14, 15
        ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2 / 64),
        ([0.0, 0.0, 1.0, 2.0, 3.0], 2 / 8),  # images without a difference do not count
        ([0.0, 0.0], 1.0),
        ([], 1.0),
    ],
)
def test_the_signed_rank_test_by_hand(differences, p):
    assert signed_rank(np.array(differences)) == pytest.approx(p)


@settings(deadline=None)  # 512 signs are tried in Python
@given(st.lists(st.integers(-6, 6), min_size=1, max_size=9))
def test_the_signed_rank_test_is_the_enumeration_of_all_signs(differences):
    expected = by_enumeration(differences) if any(differences) else 1.0
    assert signed_rank(np.array(differences, dtype=float)) == pytest.approx(expected)


def test_the_signed_rank_test_is_exact_for_twenty_images():
    # P(W <= 3) for n = 20 is 5 / 2**20: rank sums 0, 1, 2, 3 and 1 + 2; the other side doubles it.
    differences = np.arange(1.0, 21.0)
    differences[[0, 1]] *= -1
    assert signed_rank(differences) == pytest.approx(2 * 5 / 2**20)


def test_holm_by_hand():
    # .005 x 4, .01 x 3, .03 x 2, and .04 x 1, which may not be below the one before it.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(0.001, 0.5))
def test_holm_rejects_what_the_stepwise_procedure_rejects(ps, level):
    rejected = set()
    for step, index in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        if ps[index] * (len(ps) - step) > level:
            break
        rejected.add(index)
    assert {index for index, p in enumerate(holm(ps)) if p <= level} == rejected


def test_the_interval_of_equal_differences_is_a_point():
    assert interval(np.full(5, 0.25)) == (0.25, 0.25)


def test_one_image_has_no_interval():
    assert np.isnan(interval(np.array([0.1]))).all()


def test_the_interval_is_near_that_of_student_for_normal_differences():
    values = np.random.default_rng(1).normal(0.02, 0.05, 400)
    half = 1.966 * values.std(ddof=1) / 20  # t at 399 degrees of freedom
    np.testing.assert_allclose(interval(values), [values.mean() - half, values.mean() + half], atol=0.1 * half)


def test_the_interval_moves_and_scales_with_the_differences():
    values = np.random.default_rng(2).exponential(size=15)
    low, high = interval(values)
    np.testing.assert_allclose(interval(3 * values + 1), [3 * low + 1, 3 * high + 1], rtol=1e-9)
    assert high - values.mean() > values.mean() - low  # a skewed sample has a skewed interval


@pytest.mark.slow
def test_the_interval_holds_the_truth_as_often_as_it_says():
    generator = np.random.default_rng(0)
    inside = 0
    for _ in range(1000):
        low, high = interval(generator.normal(0.3, 1.0, 40))
        inside += low <= 0.3 <= high
    # 95 % less what a bootstrap of 40 lacks (about 1 %), within three standard errors of 1000 trials (2 %)
    assert 0.92 <= inside / 1000 <= 0.97


def test_the_verdicts():
    up = np.linspace(0.01, 0.02, 10)
    better, worse, neither = compare([up, -up, np.where(np.arange(10) % 2, up, -up)])
    assert [each.verdict for each in (better, worse, neither)] == ["better", "worse", "no difference shown"]
    assert better.p == pytest.approx(2 / 2**10)
    assert better.corrected == pytest.approx(3 * 2 / 2**10)
    assert (better.better, worse.better, better.images) == (10, 0, 10)
    assert worse.low == pytest.approx(-better.high, abs=2e-4)


def test_five_images_can_show_nothing_and_six_can():
    assert compare([np.arange(1.0, 6.0)])[0].verdict == "no difference shown"
    assert compare([np.arange(1.0, 7.0)])[0].verdict == "better"
    assert smallest_p(5, 1) == compare([np.arange(1.0, 6.0)])[0].corrected
    assert smallest_p(6, 2) == pytest.approx(2 * 2 / 64)


def test_an_image_without_a_score_is_left_out():
    [found] = compare([np.array([0.1, np.nan, 0.3])])
    assert (found.images, found.mean) == (2, pytest.approx(0.2))


def test_nothing_to_compare():
    assert compare([]) == []
    [found] = compare([np.array([np.nan])])
    assert (found.images, found.p, found.verdict) == (0, 1.0, "no difference shown")
    assert np.isnan(found.mean)
