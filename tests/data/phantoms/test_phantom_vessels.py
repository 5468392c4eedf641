import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.morphology import disk

from gequnet.data.phantoms.phantom_vessels import PhantomVessels, draw_vessel_phantom
from gequnet.data.phantoms.vessel_drawing import draw_segments, rotation_matrix
from gequnet.data.phantoms.vessel_trees import Segments
from gequnet.data.source import SPLITS
from gequnet.errors import ConfigError


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), quarters=st.integers(-4, 4), size=st.sampled_from([48, 61]))
def test_quarter_turns_are_those_of_rot90(seed, quarters, size):
    image, mask = draw_vessel_phantom(seed, size)
    turned_image, turned_mask = draw_vessel_phantom(seed, size, rotation=quarters * math.pi / 2)
    np.testing.assert_array_equal(turned_mask, np.rot90(mask, quarters))
    np.testing.assert_allclose(turned_image, np.rot90(image, quarters), atol=1e-6)


@pytest.mark.parametrize("degrees", [30, -70, 131])
def test_other_turns_are_close_to_interpolation(degrees):
    size = 161
    image, mask = draw_vessel_phantom("turned", size, noise=0.0)
    drawn, drawn_mask = draw_vessel_phantom("turned", size, rotation=math.radians(degrees), noise=0.0)
    interpolated = ndimage.rotate(image, degrees, reshape=False, order=3)
    interpolated_mask = ndimage.rotate(mask.astype(float), degrees, reshape=False, order=1) > 0.5
    inside = disk(70)
    inside = np.pad(inside, (size - inside.shape[0]) // 2).astype(bool)
    assert np.sqrt(np.mean((drawn - interpolated)[inside] ** 2)) < 0.1 * drawn[inside].std()
    both = (
        2
        * (drawn_mask & interpolated_mask)[inside].sum()
        / (drawn_mask[inside].sum() + interpolated_mask[inside].sum())
    )
    assert both > 0.9  # a threshold on interpolated labels loses some of the thinnest curves


def test_corners_of_a_turned_phantom_are_drawn_and_not_empty():
    image, _ = draw_vessel_phantom(3, 96, rotation=math.pi / 4)
    corners = [image[:8, :8], image[-8:, :8], image[:8, -8:], image[-8:, -8:]]
    assert all(corner.std() > 0.02 and 0.2 < corner.mean() < 1 for corner in corners)


def test_a_straight_piece_is_dark_within_its_radius():
    """Closed form: the depth of a pixel inside a capsule is its radius minus the distance to the axis."""
    line = Segments(np.array([[0.0, -10.0]]), np.array([[0.0, 10.0]]), np.array([[3.0, 3.0]]), np.array([0.4]))
    pieces = [
        Segments(np.array([[0.0, x]]), np.array([[0.0, x + 2]]), line.radius, line.contrast) for x in range(-10, 10, 2)
    ]
    cut = Segments(
        *(np.concatenate([getattr(p, part) for p in pieces]) for part in ("start", "end", "radius", "contrast"))
    )
    dark, depth = draw_segments(cut, 31)
    y, x = np.mgrid[-15:16, -15:16]
    distance = np.hypot(y, np.maximum(np.abs(x) - 10, 0))
    near = distance < 3.5
    np.testing.assert_allclose(depth[near], (3 - distance)[near], atol=1e-12)
    np.testing.assert_allclose(dark, 0.4 * np.clip(3.5 - distance, 0, 1), atol=1e-12)


def test_turn_matrix_is_a_rotation():
    turn = rotation_matrix(0.7)
    np.testing.assert_allclose(turn @ turn.T, np.eye(2), atol=1e-15)
    assert np.linalg.det(turn) == pytest.approx(1)


def test_same_id_same_scene_other_id_other_scene():
    one, again, other = (PhantomVessels(size=48).load(i) for i in ("train-000", "train-000", "test-000"))
    assert torch.equal(one.image, again.image)
    assert not torch.equal(one.image, other.image)


def test_noise_has_the_standard_deviation_asked_for():
    quiet, loud = (draw_vessel_phantom("noise", 128, noise=noise)[0] for noise in (0.0, 0.1))
    assert (loud - quiet).std() == pytest.approx(0.1, rel=0.1)


def test_vessels_are_neither_rare_nor_everywhere():
    shares = [draw_vessel_phantom(seed, 96)[1].mean() for seed in range(12)]
    assert 0.05 < np.mean(shares) < 0.25


def test_splits_share_no_phantom():
    source = PhantomVessels(size=32, num_images={"train": 3, "val": 2, "test": 4})
    ids = [sample_id for split in SPLITS for sample_id in source.ids(split)]
    assert len(ids) == len(set(ids)) == 9


@pytest.mark.parametrize("wrong", [{"size": 8}, {"num_images": {"train": 1}}])
def test_impossible_phantoms_are_refused(wrong):
    with pytest.raises(ConfigError):
        PhantomVessels(**wrong)
