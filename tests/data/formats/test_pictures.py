from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gequnet.data.errors import UnreadableFileError
from gequnet.data.formats.pictures import picture_size, read_picture
from helpers.picture_makers import photograph, save

GREY = np.arange(0, 60000, 5000, dtype=np.uint16).reshape(3, 4)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "ppm", "webp"])
def test_colours_come_as_they_are(tmp_path, suffix):
    path = save(tmp_path / f"a.{suffix}", photograph(0), **({"lossless": True} if suffix == "webp" else {}))
    np.testing.assert_array_equal(read_picture(path, 3).permute(1, 2, 0), photograph(0))
    assert picture_size(path) == photograph(0).shape[:2]


def test_transparency_is_left_out(tmp_path):
    half = np.full((*photograph(0).shape[:2], 1), 128, np.uint8)
    path = save(tmp_path / "a.png", np.concatenate([photograph(0), half], 2))
    np.testing.assert_array_equal(read_picture(path, 3).permute(1, 2, 0), photograph(0))


def test_grey_becomes_equal_channels_and_colour_grey(tmp_path):
    grey = read_picture(save(tmp_path / "a.png", photograph(0)[:, :, 0]), 3)
    assert all(torch.equal(channel, grey[0]) for channel in grey)
    luminance = read_picture(save(tmp_path / "b.png", photograph(0)), 1)
    expected = photograph(0) @ [0.299, 0.587, 0.114]  # ITU-R 601
    assert np.abs(luminance[0].numpy() - expected).max() <= 1


@pytest.mark.parametrize(("suffix", "channels"), [("png", 1), ("tif", 3)])
def test_sixteen_bits_run_from_0_to_1(tmp_path, suffix, channels):
    picture = read_picture(save(tmp_path / f"a.{suffix}", GREY), channels)
    assert picture.shape == (channels, 3, 4)
    for channel in picture:
        np.testing.assert_allclose(channel, GREY / 65535, rtol=1e-6)


def test_floating_point_stays(tmp_path):
    values = np.linspace(-3, 7, 12, dtype=np.float32).reshape(3, 4)
    np.testing.assert_array_equal(read_picture(save(tmp_path / "a.tif", values), 1)[0], values)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_a_camera_that_lay_on_its_side(tmp_path, suffix, orientation, turns):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.zeros((20, 32, 3), np.uint8)
    stored[:10, :10] = 255
    path = save(tmp_path / f"a.{suffix}", stored, exif=exif)
    picture = read_picture(path, 3)
    assert picture_size(path) == tuple(picture.shape[1:])
    np.testing.assert_allclose(picture[0], np.rot90(stored[:, :, 0], turns), atol=40)  # lossily saved


def test_no_picture(tmp_path):
    path = Path(tmp_path, "a.png")
    path.write_text("words")
    for read in (picture_size, lambda path: read_picture(path, 3)):
        with pytest.raises(UnreadableFileError, match=r"a\.png"):
            read(path)
