import numpy as np
import pytest
import torch
from scipy import ndimage

from gequnet.data.transforms.resample_volume import resample_image, resample_labels, size_at


@pytest.mark.parametrize("space", [(12, 14, 20), (6, 7, 20)])
def test_linear_and_finer_is_what_torch_says(space):
    image = np.random.default_rng(0).standard_normal((2, 6, 7, 10)).astype(np.float32)
    expected = torch.nn.functional.interpolate(torch.from_numpy(image)[None], space, mode="trilinear")[0]
    np.testing.assert_allclose(resample_image(image, space), expected, atol=1e-5)


@pytest.mark.parametrize("order", [1, 3])
def test_a_ramp_stays_a_ramp_at_the_centres_of_its_voxels(order):
    """Voxel i of a row of n over [0, 1] has its centre at (i + .5) / n, for any n."""
    ramp = np.broadcast_to((np.arange(24) + 0.5) / 24, (1, 3, 3, 24)).astype(np.float32)
    for side in (60, 16, 8):
        found = resample_image(ramp, (3, 3, side), order)[0, 1, 1]
        inside = slice(side // 4, -side // 4)  # borders have nothing beyond them
        np.testing.assert_allclose(found[inside], ((np.arange(side) + 0.5) / side)[inside], atol=2e-4)


def test_what_is_too_fine_for_the_new_voxels_is_blurred_away_and_not_aliased():
    stripes = np.broadcast_to(np.arange(64) % 2, (1, 4, 4, 64)).astype(np.float32)
    assert np.ptp(stripes[..., ::3]) == 1
    assert np.ptp(resample_image(stripes, (4, 4, 21))[..., 3:-3]) < 0.2


def test_cubic_overshoots_are_cut():
    edge = (np.indices((1, 4, 4, 12))[3] > 5).astype(np.float32)
    finer = resample_image(edge, (4, 4, 30), order=3)
    assert finer.min() >= 0
    assert finer.max() <= 1


def test_labels_keep_their_share_of_the_volume_and_gain_no_others():
    centre = np.indices((40, 48, 44)) - np.reshape([19.5, 23.5, 21.5], (3, 1, 1, 1))
    labels = np.where(np.linalg.norm(centre, axis=0) < 15, 4, 0).astype(np.uint8)
    labels[:, :, 22:][labels[:, :, 22:] == 4] = 2
    for space in [(60, 60, 66), (26, 32, 30), (40, 48, 60)]:
        found = resample_labels(labels, space)
        assert set(np.unique(found)) == {0, 2, 4}
        for label in (2, 4):
            assert np.mean(found == label) == pytest.approx(np.mean(labels == label), rel=0.05)


def test_labels_are_closer_to_a_ball_than_the_nearest_would_be():
    def ball(side):
        return (np.linalg.norm(np.indices((side,) * 3) - (side - 1) / 2, axis=0) < 0.4 * side).astype(np.uint8)

    nearest = ndimage.zoom(ball(16), 3, order=0, grid_mode=True, mode="nearest")
    ours = resample_labels(ball(16), (48, 48, 48))
    assert np.mean(ours != ball(48)) < 0.8 * np.mean(nearest != ball(48))


def test_regions_are_resampled_each_for_itself():
    regions = np.random.default_rng(1).integers(0, 2, (3, 6, 6, 6)).astype(np.uint8)
    found = resample_labels(regions, (9, 8, 6))
    np.testing.assert_array_equal(found, np.stack([resample_labels(region, (9, 8, 6)) for region in regions]))


def test_nothing_is_touched_where_the_size_stays():
    image = np.random.default_rng(2).standard_normal((1, 3, 4, 5)).astype(np.float32)
    np.testing.assert_array_equal(resample_image(image, (3, 4, 5)), image)
    assert size_at([3, 4, 5], [1.0, 1.0, 1.0], [100.0, 100.0, 2.0]) == (1, 1, 2)
