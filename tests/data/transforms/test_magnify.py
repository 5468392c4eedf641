import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage.transform import rescale

from gequnet.data.transforms.magnify import magnified_image, magnified_labels, magnified_regions, magnified_sides


def smooth(space, seed=0):
    noise = np.random.default_rng(seed).standard_normal(space)
    return torch.from_numpy(ndimage.gaussian_filter(noise, 3)).float()


def inner(values, margin=4):
    return values[(..., *[slice(margin, -margin)] * (values.ndim - 1))]


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_an_image_is_resampled_as_scikit_image_does(factor):
    """For whole side times factor the grids are equal; at the border they differ."""
    image = smooth((40, 32))
    expected = rescale(image.numpy(), factor, order=3, mode="edge", anti_aliasing=factor < 1)
    found = magnified_image(image[None], factor, magnified_sides(image.shape, factor))[0]
    assert inner(found[None] - torch.from_numpy(expected)[None]).abs().max() < 1e-3 * image.std()


def test_pixels_are_where_they_belong():
    """A linear ramp through the centre of the image stays one, with its slope divided by the factor."""
    ramp = (torch.arange(31.0) - 15).view(1, 31, 1).expand(1, 31, 20)
    found = magnified_image(ramp, 1.5, [46, 30])[0, :, 7]
    expected = (torch.arange(46.0) - 22.5) / 1.5
    assert torch.allclose(found[8:-8], expected[8:-8], atol=1e-3)


@pytest.mark.parametrize("factor", [0.6, 1.0, 1.6])
def test_labels_stay_labels(factor):
    labels = torch.from_numpy(np.digitize(smooth((30, 28, 26)).numpy(), [-0.05, 0.0, 0.05])).to(torch.uint8) * 40
    found = magnified_labels(labels, factor, magnified_sides(labels.shape, factor))
    assert found.dtype == labels.dtype
    assert set(found.unique().tolist()) <= set(labels.unique().tolist())
    shares = [(each == 80).float().mean() for each in (labels, found)]
    assert shares[0] == pytest.approx(shares[1].item(), abs=0.02)
    if factor == 1:
        assert torch.equal(found, labels)


def test_a_disc_stays_as_large_as_its_closed_form():
    y, x = np.mgrid[-50:51, -50:51]
    disc = torch.from_numpy(x**2 + y**2 <= 40.3**2)
    for factor in (0.7, 1.3):
        [found] = magnified_regions(disc[None], factor, magnified_sides(disc.shape, factor))
        assert found.sum().item() == pytest.approx(np.pi * (40.3 * factor) ** 2, rel=0.01)
        labels = magnified_labels(disc.to(torch.uint8), factor, magnified_sides(disc.shape, factor))
        assert torch.equal(labels.bool(), found)
