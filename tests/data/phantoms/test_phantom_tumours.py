import time

import numpy as np
import pytest
import torch
from scipy import ndimage

from gequnet.data.phantoms.phantom_tumours import PhantomTumours, draw_tumour_phantom
from gequnet.data.source import SPLITS
from gequnet.errors import ConfigError

SIZES = [(2, 96), (3, 32)]


def dice(one, other):
    return 2 * (one & other).sum() / (one.sum() + other.sum())


@pytest.mark.parametrize(("dims", "size"), SIZES)
def test_three_times_as_large_every_third_pixel_is_the_phantom(dims, size):
    """For an odd side, every pixel centre is also one at three times the size: no interpolation is needed."""
    size -= 1
    image, mask = draw_tumour_phantom("third", size, dims, noise=0.0)
    large, large_mask = draw_tumour_phantom("third", size, dims, scale=3.0, noise=0.0, side=3 * size)
    every_third = (slice(1, None, 3),) * dims
    np.testing.assert_allclose(large[every_third], image, atol=1e-6)
    np.testing.assert_array_equal(large_mask[every_third], mask)


@pytest.mark.parametrize("scale", [0.6, 1.25, 1.6])
@pytest.mark.parametrize(("dims", "size"), SIZES)
def test_a_magnified_phantom_is_close_to_an_interpolated_one(dims, size, scale):
    wide, wide_mask = draw_tumour_phantom("close", size, dims, noise=0.0, side=2 * size)
    drawn, drawn_mask = draw_tumour_phantom("close", size, dims, scale=scale, noise=0.0)
    matrix = np.eye(dims) / scale
    offset = (2 * size - 1) / 2 - (size - 1) / 2 / scale * np.ones(dims)
    shape = (size,) * dims
    expected = ndimage.affine_transform(wide, matrix, offset, shape, order=3)
    expected_mask = ndimage.affine_transform(wide_mask.astype(float), matrix, offset, shape, order=1) > 0.5
    assert np.sqrt(np.mean((drawn - expected) ** 2)) < 0.1 * drawn.std()
    assert dice(drawn_mask, expected_mask) > 0.93


@pytest.mark.parametrize(("dims", "size"), SIZES)
def test_what_comes_in_from_outside_is_more_of_the_scene(dims, size):
    image, mask = draw_tumour_phantom("outside", size, dims, scale=0.5, noise=0.0)
    border = np.ones_like(mask)
    border[(slice(size // 6, -(size // 6)),) * dims] = False
    assert mask[border].any()
    assert image[border].std() == pytest.approx(image[~border].std(), rel=0.5)


def test_noise_stays_of_single_pixels_at_any_magnification():
    for scale in (0.6, 1.0, 1.6):
        quiet, loud = (draw_tumour_phantom("noise", 96, 2, scale, noise)[0] for noise in (0.0, 0.05))
        grain = loud - quiet
        assert grain.std() == pytest.approx(0.05, rel=0.05)
        assert abs(np.corrcoef(grain[1:].ravel(), grain[:-1].ravel())[0, 1]) < 0.05


@pytest.mark.parametrize(("dims", "size"), SIZES)
def test_tumours_are_of_many_sizes_and_neither_rare_nor_everywhere(dims, size):
    masks = [draw_tumour_phantom(seed, size, dims)[1] for seed in range(12)]
    assert 0.03 < np.mean([mask.mean() for mask in masks]) < 0.2
    assert all(mask.any() for mask in masks)
    inside = [ndimage.distance_transform_edt(np.pad(mask, 1)).max() for mask in masks]
    assert max(inside) > 1.8 * min(inside)


def test_brightness_alone_does_not_tell_tumours():
    """The best threshold is far from the mask: blobs and tubes are as bright as tumours."""
    image, mask = draw_tumour_phantom("threshold", 128, 2)
    assert max(dice(image > level, mask) for level in np.linspace(0.2, 0.9, 50)) < 0.6


def test_same_id_same_scene_other_id_other_scene():
    source = PhantomTumours(size=32, dims=2)
    one, again, other = (source.load(i) for i in ("train-000", "train-000", "test-000"))
    assert torch.equal(one.image, again.image)
    assert not torch.equal(one.image, other.image)


def test_splits_share_no_phantom():
    source = PhantomTumours(num_images={"train": 3, "val": 2, "test": 4})
    ids = [sample_id for split in SPLITS for sample_id in source.ids(split)]
    assert len(ids) == len(set(ids)) == 9


@pytest.mark.slow
@pytest.mark.parametrize(("dims", "size", "seconds"), [(3, 64, 0.2), (2, 128, 0.05)])
def test_drawing_is_fast(dims, size, seconds):
    began = time.perf_counter()
    for seed in range(5):
        draw_tumour_phantom(seed, size, dims)
    assert time.perf_counter() - began < 5 * seconds


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 8},
        {"dims": 4},
        {"scale": 0.0},
        {"radii": (5.0, 2.0)},
        {"num_images": {"train": 1}},
    ],
)
def test_impossible_phantoms_are_refused(wrong):
    with pytest.raises(ConfigError, match="data.source"):
        PhantomTumours(**wrong)


def test_a_picture_larger_than_its_scene_is_refused():
    with pytest.raises(ConfigError, match="has 64 pixels"):
        draw_tumour_phantom(0, 32, 2, scale=0.4)
