import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage.draw import disk, ellipse

from gequnet.data.datasets.field_of_view import estimate_field_of_view


def scene_of(seen, background, holes=()):
    image = np.where(seen, 120.0, background)
    for centre, radius in holes:
        image[disk(centre, radius, shape=image.shape)] = background
    image = image + np.random.default_rng(0).normal(0, 2, image.shape)
    return torch.from_numpy(np.repeat(image[None], 3, 0).clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("background", [0, 20])
def test_a_made_disc_is_found_within_a_pixel(background):
    seen = np.zeros((120, 130), bool)
    seen[disk((60, 62), 50)] = True
    found = estimate_field_of_view(scene_of(seen, background, holes=[((50, 60), 9), ((80, 75), 4)])).numpy()
    grown = ndimage.binary_dilation(seen, iterations=1)
    shrunk = ndimage.binary_erosion(seen, iterations=1)
    assert (found <= grown).all()
    assert (found >= shrunk).all()  # dark lesions inside belong to it


def test_small_bright_things_outside_do_not_count():
    seen = np.zeros((120, 130), bool)
    seen[ellipse(60, 65, 45, 50)] = True
    lit = seen.copy()
    lit[2:12, 2:12] = True  # a label burnt into a corner
    found = estimate_field_of_view(scene_of(lit, 0)).numpy()
    assert not found[:13, :13].any()


def test_without_a_dark_surround_everything_is_seen():
    assert estimate_field_of_view(torch.full((3, 40, 40), 120, dtype=torch.uint8)).all()
