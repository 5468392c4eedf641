import numpy as np
import pytest

from gequnet.data.phantoms.waves import draw_waves, grid_axis


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_waves_are_cosines(dims):
    rng = np.random.default_rng(dims)
    frequencies, phases, amplitudes = rng.normal(0, 0.2, (5, dims)), rng.uniform(0, 6, 5), rng.uniform(0.5, 1, 5)
    points = np.stack(np.meshgrid(*[np.arange(9) - 4.0] * dims, indexing="ij"))
    expected = sum(
        a * np.cos(2 * np.pi * np.tensordot(f, points, 1) + p)
        for f, p, a in zip(frequencies, phases, amplitudes, strict=True)
    )
    np.testing.assert_allclose(draw_waves(frequencies, phases, amplitudes, 9), expected, atol=1e-12)


def test_an_axis_is_centred():
    np.testing.assert_array_equal(grid_axis(4), [-1.5, -0.5, 0.5, 1.5])
