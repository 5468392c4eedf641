import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from gequnet.errors import ConfigError
from gequnet.layers.resample import BlurPool, Double, blur_pool, crop_to, double, max_pool, pad_to_grid, padded_side
from gequnet.symmetry.actions import act_on_image
from gequnet.symmetry.gspace import PlaneGroup

HALVINGS = {"max": max_pool, "average": lambda x: blur_pool(x, 2), "blur": lambda x: blur_pool(x, 4)}


@given(st.integers(1, 700), st.integers(0, 5))
def test_padded_side_is_the_least_of_its_parity(side, halvings):
    padded = padded_side(side, halvings)
    unit = 2**halvings
    same_parity = [n for n in range(side, side + 2 * unit + 2) if (n - side) % 2 == 0 and (n > 1 or not halvings)]
    assert padded == min(n for n in same_parity if n % unit == (n % 2 if halvings else 0))


@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 3))
def test_cropping_undoes_padding(height, width, halvings):
    image = torch.arange(float(height * width)).view(1, 1, height, width)
    assert torch.equal(crop_to(pad_to_grid(image, halvings), (height, width)), image)


@pytest.mark.parametrize("name", HALVINGS)
@pytest.mark.parametrize("sides", [(8, 8), (9, 9), (8, 9), (13, 6)])
def test_halving_commutes_with_the_grid(name, sides):
    halve, image = HALVINGS[name], torch.randn(2, 3, *sides)
    for g in PlaneGroup.parse("d4").elements():
        torch.testing.assert_close(halve(act_on_image(image, g)), act_on_image(halve(image), g), atol=1e-6, rtol=0)


@pytest.mark.parametrize("sides", [(8, 8), (9, 9), (8, 9), (13, 6)])
def test_doubling_commutes_with_the_grid(sides):
    low = torch.randn(2, 3, *[(side + 1) // 2 for side in sides])
    for g in PlaneGroup.parse("d4").elements():
        turned = act_on_image(low, g)
        high = act_on_image(double(low, sides), g)
        torch.testing.assert_close(double(turned, high.shape[2:]), high, atol=1e-6, rtol=0)


@pytest.mark.parametrize("sides", [(8, 8, 8), (9, 8, 7)])
def test_three_dimensions_have_the_same_shapes(sides):
    volume = torch.randn(1, 2, *sides)
    for halve in HALVINGS.values():
        half = halve(volume)
        assert half.shape[2:] == tuple((side + 1) // 2 for side in sides)
        assert double(half, sides).shape[2:] == sides


def test_even_sides_agree_with_the_library():
    image = torch.randn(1, 2, 8, 10)
    torch.testing.assert_close(blur_pool(image, 2), F.avg_pool2d(image, 2))
    torch.testing.assert_close(max_pool(image), F.max_pool2d(image, 2))
    torch.testing.assert_close(double(image, (16, 20)), F.interpolate(image, scale_factor=2, mode="bilinear"))


@pytest.mark.parametrize(("side", "taps"), [(9, [1, 4, 6, 4, 1]), (8, [1, 3, 3, 1])])
def test_blur_agrees_with_scipy(side, taps):
    image = np.random.default_rng(0).normal(size=(side, side))
    kernel = np.array(taps) / sum(taps)
    for axis in (0, 1):  # scipy centres an even kernel one pixel to the right
        image_blurred = scipy.ndimage.correlate1d(image if axis == 0 else image_blurred, kernel, axis, mode="nearest")
    start = 1 if side % 2 == 0 else 0
    ours = blur_pool(torch.from_numpy(image)[None, None], 4)[0, 0].numpy()
    np.testing.assert_allclose(ours, image_blurred[start::2, start::2], atol=1e-12)


@pytest.mark.parametrize("sides", [(8, 10), (6, 4), (8, 6, 10)])
def test_without_padding_only_pixels_with_all_neighbours_are_computed(sides):
    """Expected: a convolution without padding by SciPy, and the inner part of PyTorch's interpolation."""
    image = torch.randn(1, 1, *sides).double()
    kernel = np.array([1, 3, 3, 1]) / 8
    for _ in sides[1:]:
        kernel = np.multiply.outer(kernel, np.array([1, 3, 3, 1]) / 8)
    known = scipy.signal.convolve(image[0, 0].numpy(), kernel, "valid")[(slice(None, None, 2),) * len(sides)]
    np.testing.assert_allclose(blur_pool(image, 4, padded=False)[0, 0].numpy(), known, atol=1e-12)
    mode = {2: "bilinear", 3: "trilinear"}[len(sides)]
    inside = (..., *[slice(1, -1)] * len(sides))
    doubled = Double(padded=False)(image, [])
    torch.testing.assert_close(doubled, F.interpolate(image, scale_factor=2, mode=mode)[inside])


def test_a_ramp_survives_doubling_at_both_parities():
    """Linear interpolation of x itself: pixel i of the fine grid lies at (i - c) / 2 from the coarse grid's centre."""
    for fine in (16, 17):
        coarse = (fine + 1) // 2
        ramp = torch.arange(coarse).double() - (coarse - 1) / 2
        expected = (torch.arange(fine).double() - (fine - 1) / 2) / 2
        result = double(ramp.view(1, 1, 1, -1), (1, fine))[0, 0, 0]
        torch.testing.assert_close(result[1:-1], expected[1:-1])


def test_blur_takes_an_even_number_of_taps():
    with pytest.raises(ConfigError, match="must be even, got 3"):
        BlurPool(3)
