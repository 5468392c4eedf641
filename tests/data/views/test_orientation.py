import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from skimage.draw import disk
from skimage.feature import structure_tensor

from gequnet.data.phantoms.phantom_vessels import draw_vessel_phantom
from gequnet.data.views.orientation import Directions, directions, dominance, window_sums
from helpers.drawn_lines import apart, line


def votes_of(mask, size, stride, bins=120):
    found = directions(mask)
    return window_sums((found.angle * bins / np.pi).astype(int), found.coherence * mask, bins, size, stride)


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 180), st.floats(3, 9))
def test_a_drawn_line_has_its_angle(degrees, width):
    found = dominance(votes_of(line(degrees, width), (101, 101), 1), ranges=4)
    assert apart(np.degrees(found.angle[0, 0]), degrees) < 3  # two bins, for the corners of pixels
    assert found.range[0, 0] in {round(near / 45) % 4 for near in (degrees - 3, degrees, degrees + 3)}
    assert found.share[0, 0] > 0.5


@pytest.mark.parametrize(("degrees", "words"), [(0, "-"), (45, "/"), (90, "|"), (135, "\\")])
def test_ranges_are_centred_on_the_axes_and_the_diagonals(degrees, words):
    found = dominance(votes_of(line(degrees, 3), (101, 101), 1), ranges=4)
    assert "-/|\\"[found.range[0, 0]] == words
    assert found.share[0, 0] > 0.99
    assert apart(np.degrees(found.angle[0, 0]), degrees) < 0.76


@pytest.mark.parametrize("seed", range(3))
def test_angles_and_coherence_are_those_of_skimage(seed):
    """Eigenvectors in place of doubled angles; Sobel's derivatives, which a large sigma makes Gaussian ones."""
    mask = np.pad(draw_vessel_phantom(seed, 100)[1], 16)  # skimage would see an edge where a vessel meets the border
    smooth = gaussian_filter(mask.astype(float), 4)
    rr, rc, cc = structure_tensor(smooth, sigma=10, mode="constant", order="rc")
    values, vectors = np.linalg.eigh(np.stack([np.stack([rr, rc], -1), np.stack([rc, cc], -1)], -1)[mask])
    down, right = vectors[:, :, 0].T  # of the smaller eigenvalue
    expected = (values[:, 1] - values[:, 0]) / values.sum(1) * (right - 1j * down) ** 2
    found = directions(mask, sigma=4.0)
    assert np.median(abs(expected)) > 0.15
    np.testing.assert_allclose((found.coherence * np.exp(2j * found.angle))[mask], expected, atol=0.03)


def test_a_quarter_turn_of_the_mask_adds_a_right_angle():
    _, mask = draw_vessel_phantom("turned", 96)
    found, turned = directions(mask), directions(np.rot90(mask))
    clear = np.rot90(found.coherence) > 0.1
    assert apart(np.rot90(np.degrees(found.angle)) + 90, np.degrees(turned.angle))[clear].max() < 1e-6
    np.testing.assert_allclose(turned.coherence, np.rot90(found.coherence), atol=1e-9)


def test_what_is_round_has_no_direction_and_what_is_empty_none_either():
    mask = np.zeros((81, 81), dtype=bool)
    assert not directions(mask).coherence.any()
    mask[disk((40, 40), 12)] = True
    assert directions(mask).coherence[40, 40] < 1e-6


def test_angles_lie_below_a_half_turn():
    found = directions(np.pad(np.ones((1, 60), dtype=bool), 30))
    assert isinstance(found, Directions)
    assert found.angle.min() >= 0
    assert found.angle.max() < np.pi


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 14), st.integers(1, 14)),
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.integers(1, 6),
    st.integers(0, 99),
)
def test_window_sums_are_sums_over_slices(space, size, stride, seed):
    rng = np.random.default_rng(seed)
    labels, weights = rng.integers(0, 3, space), rng.random(space)
    found = window_sums(labels, weights, 3, size, stride)
    rows, columns = (range(0, full - side + 1, stride) for full, side in zip(space, size, strict=True))
    assert found.shape == (len(rows), len(columns), 3)
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            here = np.s_[row : row + size[0], column : column + size[1]]
            expected = np.bincount(labels[here].ravel(), weights[here].ravel(), minlength=3)
            np.testing.assert_allclose(found[i, j], expected, atol=1e-12)


def test_the_dominant_direction_is_the_axial_mean_within_the_strongest_range():
    """By hand, bins of 1.5 degrees: 4 votes at 0.75 and 2 at 178.5 + 0.75 are horizontal, 3 at 90.75 vertical."""
    votes = np.zeros((1, 1, 120))
    votes[..., [0, 119, 60]] = 4.0, 2.0, 3.0
    found = dominance(votes, ranges=4)
    assert (found.range[0, 0], found.share[0, 0]) == (0, pytest.approx(6 / 9))
    assert apart(np.degrees(found.angle[0, 0]), 0.25) < 1e-3
    assert dominance(np.zeros((1, 1, 120)), ranges=4).share[0, 0] == 0


@pytest.mark.parametrize("ranges", [1, 2, 3, 5, 6])
def test_every_bin_is_in_the_range_whose_middle_is_nearest(ranges):
    bins = 60 * ranges
    found = dominance(np.eye(bins)[None], ranges)
    middles = np.arange(ranges) * 180 / ranges
    nearest = [int(apart(middles, (bin_ + 0.5) * 180 / bins).argmin()) for bin_ in range(bins)]
    assert found.range[0].tolist() == nearest
