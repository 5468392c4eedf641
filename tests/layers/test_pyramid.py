"""Grids of other pitches: interpolation equals Pillow's, the centre is kept, the coarsest pixels are aligned."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gequnet.layers.pyramid import interpolation, resample, sides_at
from gequnet.layers.resample import padded_side


@pytest.mark.parametrize(("old", "new"), [(32, 16), (36, 27), (30, 45), (31, 31)])
def test_interpolates_as_pillow_does(old, new):
    """Pillow's bicubic kernel is Keys' too, and stretched; at the border it drops pixels instead of repeating them."""
    image = np.random.default_rng(0).normal(size=(old, old)).astype(np.float32)
    expected = np.asarray(Image.fromarray(image).resize((new, new), Image.Resampling.BICUBIC))
    ours = resample(torch.from_numpy(image)[None, None], [new, new], pitch=old / new)[0, 0].numpy()
    border = 4
    np.testing.assert_allclose(
        ours[border:-border, border:-border], expected[border:-border, border:-border], atol=1e-5
    )


@settings(deadline=None)
@given(st.integers(4, 40), st.integers(4, 40), st.floats(0.4, 3.5))
def test_a_constant_stays_and_the_centre_is_kept(old, new, pitch):
    matrix = interpolation(new, old, pitch)
    torch.testing.assert_close(matrix.sum(1), torch.ones(new))
    torch.testing.assert_close(matrix, matrix.flip(0, 1))


@settings(deadline=None)
@given(st.integers(1, 90), st.floats(0.4, 4.0), st.integers(0, 4))
def test_sides_cover_the_image_and_are_halved_in_step(side, pitch, halvings):
    (found,) = sides_at([side], pitch, halvings)
    assert found * pitch >= side - 1e-4 * pitch
    assert padded_side(found, halvings) == found
    odd = side % 2 if halvings else 0
    assert found % 2 == odd or halvings == 0
    of_image, of_grid = ((padded_side(n, halvings) - odd) // 2**halvings for n in (side, found))
    assert of_image % 2 == of_grid % 2


def test_there_and_back_keeps_what_is_smooth():
    line = torch.linspace(-2, 2, 48)
    image = torch.exp(-line.square())[None, None, None] * torch.exp(-line.square())[:, None]
    smaller = resample(image, [32, 32], pitch=1.5)
    torch.testing.assert_close(resample(smaller, [48, 48], pitch=1 / 1.5), image, atol=2e-3, rtol=0)


def test_a_matrix_that_a_prediction_has_cached_serves_a_training():
    image = torch.rand(1, 1, 23, 29, requires_grad=True)
    with torch.inference_mode():
        expected = resample(image, (11, 17), 1.7)
    resampled = resample(image, (11, 17), 1.7)
    resampled.sum().backward()
    assert torch.equal(resampled, expected)
    assert image.grad is not None
