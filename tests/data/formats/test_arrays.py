"""Conversion of arrays to images, compared with files and Pillow."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gequnet.data.formats.arrays import as_image
from gequnet.data.formats.pictures import read_picture
from gequnet.errors import ShapeError

MODES = ["L", "RGB", "RGBA", "LA", "I;16"]


def picture(mode: str) -> np.ndarray:
    draw = np.random.default_rng(0)
    if mode == "I;16":
        return draw.integers(0, 65536, (9, 12), np.uint16)
    bands = len(Image.new(mode, (1, 1)).getbands())
    return draw.integers(0, 256, (9, 12, bands) if bands > 1 else (9, 12), np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("mode", MODES)
def test_a_picture_is_what_its_file_is(mode: str, channels: int, tmp_path: Path) -> None:
    array = picture(mode)
    Image.fromarray(array).save(tmp_path / "picture.png")
    expected = read_picture(tmp_path / "picture.png", channels)
    came = as_image(array, channels, spatial_dims=2)
    assert came.dtype == expected.dtype
    # Pillow rounds luminance in integer arithmetic
    torch.testing.assert_close(came.float(), expected.float(), atol=1 if came.dtype == torch.uint8 else 0, rtol=0)


@pytest.mark.parametrize(
    ("shape", "channels", "expected"),
    [
        ((3, 9, 12), 3, (3, 9, 12)),
        ((9, 12, 3), 3, (3, 9, 12)),
        ((3, 9, 3), 3, (3, 3, 9)),  # of an array the last axis
        ((5, 9, 12), 5, (5, 9, 12)),
    ],
)
def test_channels_are_first_or_last(shape: tuple[int, ...], channels: int, expected: tuple[int, ...]) -> None:
    assert as_image(np.zeros(shape, np.float64), channels, spatial_dims=2).shape == expected
    assert as_image(torch.zeros(3, 9, 3), channels=3, spatial_dims=2).shape == (3, 9, 3)  # of a tensor the first


def test_numbers_of_volumes_keep_their_unit() -> None:
    hounsfield = np.full((4, 5, 6), -1000, np.int16)
    assert as_image(hounsfield, channels=1, spatial_dims=3).unique() == -1000
    assert as_image(hounsfield.astype(np.uint16), channels=1, spatial_dims=3).unique() == 64536


@pytest.mark.parametrize(
    ("shape", "channels", "dims", "words"),
    [
        ((9,), 1, 2, "no image for this network"),
        ((2, 9, 12, 3), 3, 2, "no image for this network"),
        ((9, 12, 7), 5, 2, "neither first nor last"),
        ((9, 12), 5, 2, "has 1 channels, and the network takes 5"),
        ((3, 4, 5, 6), 1, 3, "neither first nor last"),
        ((4, 5, 6), 3, 3, "has 1 channels, and the network takes 3"),
        ((4, 5, 6), 4, 3, "has 1 channels, and the network takes 4"),
    ],
)
def test_what_is_no_image_is_refused(shape: tuple[int, ...], channels: int, dims: int, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        as_image(np.zeros(shape, np.uint8), channels, dims)
