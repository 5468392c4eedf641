import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from gequnet.data.phantoms.ellipsoids import EDGE, HALF_RIM, RIM, Ellipsoids, draw_ellipsoids, rim_profile, soft_step


def one(frame, centre=(0.0, 0.0, 0.0), core=0.5, rim=0.0):
    return Ellipsoids(np.array([centre]), frame[None], np.array([core]), np.array([rim]), np.array([True]))


def test_an_ellipsoid_has_the_volume_of_the_closed_form():
    frame = Rotation.from_euler("xyz", [0.3, 1.1, -0.6]).as_matrix() / np.array([[9.0], [6.0], [12.0]])
    _, mask = draw_ellipsoids(one(frame), 40)
    assert mask.sum() == pytest.approx(4 / 3 * math.pi * 9 * 6 * 12, rel=0.01)


def test_a_pixel_is_as_bright_as_its_distance_says():
    """Compared with the quadratic form on the whole grid, without boxes."""
    frame = Rotation.from_euler("xyz", [0.3, 1.1, -0.6]).as_matrix() / np.array([[7.0], [5.0], [3.0]])
    centre = np.array([2.0, -1.5, 4.25])
    image, mask = draw_ellipsoids(one(frame, tuple(centre), core=0.3, rim=0.7), 25)
    grid = np.stack(np.mgrid[-12:13, -12:13, -12:13]) - centre[:, None, None, None]
    distance = np.linalg.norm(np.tensordot(frame, grid, 1), axis=0)
    np.testing.assert_allclose(image, 0.3 * soft_step(distance) + 0.7 * rim_profile(distance), atol=1e-12)
    np.testing.assert_array_equal(mask, distance <= 1)


def test_the_box_touches_the_edge():
    """The half side of the box is the greatest coordinate on the outer surface."""
    frame = Rotation.from_euler("xyz", [0.3, 1.1, -0.6]).as_matrix() / np.array([[7.0], [5.0], [3.0]])
    sphere = np.random.default_rng(0).standard_normal((200_000, 3))
    sphere *= (1 + EDGE) / np.linalg.norm(sphere, axis=1, keepdims=True)
    surface = sphere @ np.linalg.inv(frame).T
    np.testing.assert_allclose(one(frame).reach()[0], surface.max(0), rtol=1e-3)


def test_profiles_have_their_values_and_end_without_a_jump():
    np.testing.assert_allclose(soft_step(np.array([0.0, 1 - EDGE, 1.0, 1 + EDGE, 3.0])), [1, 1, 0.5, 0, 0], atol=1e-12)
    np.testing.assert_allclose(
        rim_profile(np.array([0.0, RIM - HALF_RIM, RIM, RIM + HALF_RIM])), [0, 0, 1, 0], atol=1e-12
    )


def test_magnified_is_the_same_function_of_space():
    frame = np.array([[0.25, 0.0], [0.0, 0.125]])
    small = Ellipsoids(np.array([[3.0, -2.0]]), frame[None], np.array([1.0]), np.array([0.5]), np.array([True]))
    large, large_mask = draw_ellipsoids(small.magnified(3.0), 93)
    image, mask = draw_ellipsoids(small, 31)
    np.testing.assert_allclose(large[1::3, 1::3], image, atol=1e-12)
    np.testing.assert_array_equal(large_mask[1::3, 1::3], mask)
