"""The parity rule as arithmetic equals the parity rule of ``gequnet.layers``."""

from itertools import product

import pytest
import torch

from gequnet.export import padding, symbolic_sizes
from gequnet.export import pyramid as recorded
from gequnet.export.unet import center_crop
from gequnet.layers import frame, pyramid, resample

CLOSE = {"atol": 1e-6, "rtol": 1e-5}


@pytest.fixture
def recording(monkeypatch):
    """Run the operations of a recorded graph eagerly."""
    for module in (symbolic_sizes, padding):
        monkeypatch.setattr(module, "recording", lambda: True)


def halvable_sides(dims):
    return product((2, 4, 9, 12, 13), repeat=dims) if dims == 2 else product((4, 5), repeat=3)


@pytest.mark.parametrize("dims", [2, 3])
def test_halving_and_doubling(dims):
    for sides in halvable_sides(dims):
        x, odd = torch.randn(2, 3, *sides), [side % 2 for side in sides]
        torch.testing.assert_close(symbolic_sizes.symbolic_max_pool(x, odd), resample.max_pool(x))
        for taps in (2, 4):
            torch.testing.assert_close(
                symbolic_sizes.symbolic_blur_pool(x, odd, taps), resample.blur_pool(x, taps), **CLOSE
            )
        doubled = [2 * side - p for side, p in zip(sides, odd, strict=True)]
        torch.testing.assert_close(symbolic_sizes.symbolic_double(x, odd), resample.double(x, doubled), **CLOSE)


def test_halving_without_a_border():
    x = torch.randn(1, 2, 8, 12)
    torch.testing.assert_close(
        symbolic_sizes.symbolic_blur_pool(x, [0, 0], 4, padded=False), resample.blur_pool(x, 4, False), **CLOSE
    )


@pytest.mark.parametrize("halvings", [0, 1, 3])
def test_the_grid_of_every_size(recording, halvings):
    for side in range(1, 70):
        found = symbolic_sizes.halvable_grid([side], halvings)
        assert list(found.sides) == [resample.padded_side(side, halvings)]
        assert list(found.odd) == [side % 2 if halvings else 0]


def test_the_border_is_repeated_and_cut_off(recording):
    for sides in product((1, 6, 7, 16, 17), repeat=2):
        x = torch.randn(1, 2, *sides)
        framed, _ = padding.RepeatedFrame(halvings=2)(x)
        assert torch.equal(framed, resample.pad_to_grid(x, 2))
        assert torch.equal(symbolic_sizes.center_crop_or_pad(framed, sides), x)
        assert torch.equal(center_crop(framed, sides), x)


def test_the_border_is_mirrored(recording):
    for sides in product((1, 2, 13, 20), repeat=2):
        x = torch.randn(1, 1, *sides)
        framed, _ = padding.PlainMirroredFrame(2, block=4, halving=1, doubling=2)(x)
        assert torch.equal(framed, frame.MirroredFrame(2, block=4, halving=1, doubling=2)(x))


@pytest.mark.parametrize("pitch", [2**-0.5, 2**0.5, 2.0, 2**1.5, 1.37])
@pytest.mark.parametrize("halvings", [0, 2])
def test_the_grids_of_a_pyramid(pitch, halvings):
    for side in [*range(1, 300), 511, 512, 1023, 4096, 9999]:
        found = recorded.pyramid_grid([side], pitch, halvings)
        assert list(found.sides) == pyramid.sides_at([side], pitch, halvings)


@pytest.mark.parametrize("pitch", [2**-0.5, 1.0, 2**0.5, 2.0])
def test_interpolation_between_the_grids_of_a_pyramid(pitch):
    for old, new in product((1, 8, 13), (5, 9, 14)):
        x = torch.randn(2, 1, old, old + 1)
        expected = pyramid.resample(x, [new, new + 1], pitch)
        torch.testing.assert_close(recorded.symbolic_resample(x, [new, new + 1], pitch), expected, **CLOSE)
