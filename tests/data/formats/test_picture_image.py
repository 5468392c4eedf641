"""Pictures: read as in training, written as PNG."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from gequnet.data.errors import DataError
from gequnet.data.formats.image_file import InputSpec
from gequnet.data.formats.open_image import format_of, open_image
from gequnet.data.formats.pictures import read_picture
from helpers.image_makers import noise


@pytest.mark.parametrize("ending", [".png", ".jpg", ".bmp", ".JPEG", ".webp", ".ppm"])
@pytest.mark.parametrize("channels", [1, 3])
def test_as_training_reads_them(ending: str, channels: int, tmp_path: Path) -> None:
    path = tmp_path / f"a{ending}"
    Image.fromarray(noise(20, 31, 3)).save(path)
    with open_image(path, InputSpec(channels, 2)) as image:
        assert (image.space, image.channels, image.dtype, image.pages) == ((20, 31), 3, np.uint8, 1)
        assert torch.equal(image.read(), read_picture(path, channels))
        assert torch.equal(image.read(window=(slice(3, 9), slice(0, 31))), image.read()[:, 3:9])


def test_sixteen_bits_run_from_0_to_1(tmp_path: Path) -> None:
    values = noise(9, 8, dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    with open_image(tmp_path / "a.png", InputSpec(1, 2)) as image:
        assert image.dtype == np.uint16
        torch.testing.assert_close(image.read()[0], torch.from_numpy(values / 65535).float())


def test_a_photograph_that_lies_is_answered_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(noise(20, 31, 3)).save(tmp_path / "a.jpg", exif=exif)
    with open_image(tmp_path / "a.jpg", InputSpec(3, 2)) as image:
        assert image.space == (31, 20) == tuple(image.read().shape[1:])


def test_labels_are_a_png_and_layers_a_tiff(tmp_path: Path) -> None:
    Image.fromarray(noise(20, 31, 3)).save(tmp_path / "a.png", dpi=(300, 300))
    with open_image(tmp_path / "a.png", InputSpec(3, 2)) as image:
        assert image.ending(1, np.dtype(np.uint8)) == ".png"
        assert image.ending(2, np.dtype(np.uint8)) == image.ending(1, np.dtype(np.float32)) == ".tif"
        image.write(tmp_path / "mask.png", noise(1, 1, 20, 31))
        image.write(tmp_path / "maps.tif", noise(1, 3, 20, 31, dtype=np.float32))
    with Image.open(tmp_path / "mask.png") as mask:
        assert mask.mode == "L"
        assert round(mask.info["dpi"][0]) == 300
        assert np.array_equal(np.asarray(mask), noise(20, 31))
    assert np.array_equal(tifffile.imread(tmp_path / "maps.tif"), noise(3, 20, 31, dtype=np.float32))


def test_what_a_network_does_not_take_is_said_in_words(tmp_path: Path) -> None:
    Image.fromarray(noise(20, 31)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="is a picture and the network takes volumes"):
        open_image(tmp_path / "a.png", InputSpec(1, 3))
    with pytest.raises(DataError, match="takes 5 channels"):
        open_image(tmp_path / "a.png", InputSpec(5, 2))
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:100])
    with (
        pytest.raises(DataError, match=r"b\.png cannot be read"),
        open_image(tmp_path / "b.png", InputSpec(1, 2)) as image,
    ):
        image.read()
    (tmp_path / "c.pdf").write_text("")
    with pytest.raises(DataError, match="is no image"):
        open_image(tmp_path / "c.pdf", InputSpec(1, 2))
    assert format_of(tmp_path / "c.pdf") is None


def test_one_real_image_of_each_format(real_data: Path) -> None:
    fundus = real_data / "CHASEDB1/Image_01L.jpg"
    slices = real_data / "ISBI2012/train-volume.tif"
    hippocampus = next((real_data / "Task04_Hippocampus/imagesTr").glob("hippo*.nii.gz"))
    with open_image(fundus, InputSpec(3, 2)) as image:
        assert torch.equal(image.read(), read_picture(fundus, 3))
    with open_image(slices, InputSpec(1, 2)) as image:
        assert (image.pages, image.space) == (30, (512, 512))
        assert torch.equal(image.read(), read_picture(slices, 1, page=0))
    with open_image(slices, InputSpec(1, 3)) as image:
        assert image.space == (30, 512, 512)
        assert image.read(window=(slice(3, 5), slice(0, 9), slice(500, 512))).shape == (1, 2, 9, 12)
    with open_image(hippocampus, InputSpec(1, 3)) as image:
        assert image.spacing_mm == (1.0, 1.0, 1.0)
        assert image.read().shape[1:] == image.space
