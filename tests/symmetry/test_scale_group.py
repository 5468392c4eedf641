"""The window of scales, scenes drawn at any scale, and errors measured on these scenes."""

import numpy as np
import pytest
import scipy.ndimage
import torch

from gequnet.errors import ConfigError
from gequnet.symmetry.actions import magnify
from gequnet.symmetry.drawings import Blobs
from gequnet.symmetry.equivariance import relative_error, scale_errors
from gequnet.symmetry.scale_group import ScaleGroup


def test_scales_are_powers_of_the_ratio():
    group = ScaleGroup(1.5, 4)
    assert group.scales == pytest.approx((1, 1.5, 2.25, 3.375))
    assert (group.field_size, str(group)) == (4, "scale4")


@pytest.mark.parametrize(("ratio", "count"), [(1.0, 3), (0.9, 3), (2.0, 0)])
def test_wrong_ratio_or_count_is_refused(ratio, count):
    with pytest.raises(ConfigError, match="make no window of scales"):
        ScaleGroup(ratio, count)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("softness", [None, 0.2])
def test_a_scene_is_its_formula(dims, softness):
    blobs = Blobs.scattered(seed=1, dims=dims, reach=6.0, count=5, softness=softness)
    image = blobs.draw(21, magnification=1.7)[0, 0]
    pixel = (4, 13, 9)[:dims]
    point = (np.array(pixel) - 10) / 1.7
    distance = np.linalg.norm(point - blobs.centres.numpy(), axis=1) / blobs.radii.numpy()
    profile = np.exp(-(distance**2) / 2) if softness is None else 1 / (1 + np.exp((distance - 1) / softness))
    assert image[pixel].item() == pytest.approx(float((blobs.heights.numpy() * profile).sum()), abs=1e-5)


@pytest.mark.parametrize(("dims", "side"), [(2, 96), (2, 97), (3, 48)])
def test_magnifying_a_drawing_is_drawing_it_larger(dims, side):
    blobs = Blobs.scattered(seed=2, dims=dims, reach=side / 8, radius=(2.5, 4.0))
    assert relative_error(magnify(blobs.draw(side), 1.4), blobs.draw(side, 1.4)) < 2e-3


def test_errors_of_a_scale_space_are_those_of_its_formula():
    """Gaussian blurs with proportional σ: the chain is exact in the plane, and a single scale is not invariant."""
    sigmas = [2.0, 3.0, 4.5]

    def blurred(image):
        maps = [scipy.ndimage.gaussian_filter(image.numpy(), (0, 0, sigma, sigma)) for sigma in sigmas]
        return torch.from_numpy(np.stack(maps, axis=2))

    blobs = Blobs.scattered(seed=3, dims=2, reach=15.0)
    errors = scale_errors(blurred, blobs.draw(128), blobs.draw(128, 1.5), ratio=1.5, margin=24)
    assert len(errors.chain) == 2
    assert max(errors.chain) < 3e-3
    assert len(errors.same) == 3
    assert min(errors.same) > 0.05
