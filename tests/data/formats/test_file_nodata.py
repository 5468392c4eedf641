"""Nodata values in the numbers of the file, whatever a viewer shows."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from gequnet.data.formats.image_file import InputSpec
from gequnet.data.formats.open_image import open_image
from gequnet.data.formats.pictures import read_picture
from helpers.image_makers import noise
from helpers.picture_makers import save

SPACE = (20, 31)


def tagged(path: Path, values: np.ndarray, nodata: str | None, **options: Any) -> Path:
    tags = [] if nodata is None else [(42113, "s", 0, nodata, True)]
    tifffile.imwrite(path, values, **{"photometric": "minisblack", "extratags": tags, **options})
    return path


@pytest.mark.parametrize("by_tag", [True, False])
def test_of_a_palette_it_is_the_index(by_tag: bool, tmp_path: Path) -> None:
    numbers = noise(*SPACE)
    colours = np.tile(np.arange(256, dtype=np.uint16)[::-1] << 8, (3, 1))
    path = tagged(tmp_path / "a.tif", numbers, "7" if by_tag else None, photometric="palette", colormap=colours)
    image = read_picture(path, 1, nodata=() if by_tag else (7.0,))
    np.testing.assert_array_equal(image[0].isnan(), numbers == 7)


@pytest.mark.parametrize("by_tag", [True, False])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_of_an_inverted_picture_it_is_the_number_before(dtype: type, by_tag: bool, tmp_path: Path) -> None:
    values = noise(*SPACE).astype(dtype)
    path = tagged(tmp_path / "a.tif", values, "7" if by_tag else None, photometric="miniswhite")
    image = read_picture(path, 1, nodata=() if by_tag else (7.0,))
    np.testing.assert_array_equal(image[0].isnan(), values == 7)


@pytest.mark.parametrize("by_tag", [True, False])
def test_a_decimal_number_is_no_whole_number(by_tag: bool, tmp_path: Path) -> None:
    values = noise(*SPACE)
    path = tagged(tmp_path / "a.tif", values, "0.5" if by_tag else None)
    np.testing.assert_array_equal(read_picture(path, 1, nodata=() if by_tag else (0.5,))[0], values)


def test_the_tag_is_about_all_colours_together(tmp_path: Path) -> None:
    values = noise(*SPACE, 3) | np.uint8(1)
    values[..., 2] = 0
    values[3:6] = 0
    path = tagged(tmp_path / "a.tif", values, "0", photometric="rgb")
    for channels in (1, 3):
        np.testing.assert_array_equal(read_picture(path, channels).isnan().all(0), (values == 0).all(2))
    bands = tagged(tmp_path / "b.tif", values, "0", photometric="minisblack", planarconfig="contig")
    assert read_picture(bands, 3).isnan().all()


def test_transparency_is_no_intensity(tmp_path: Path) -> None:
    values = noise(*SPACE, 4)
    values[..., 3] = 255
    image = read_picture(save(tmp_path / "a.png", values), 3, nodata=(255.0,))
    np.testing.assert_array_equal(image.isnan().all(0), (values[..., :3] == 255).any(2))


def test_its_size_does_not_matter(tmp_path: Path) -> None:
    values = np.where(noise(*SPACE) == 7, -1.7976931348623157e308, noise(*SPACE) / 10)
    image = read_picture(tagged(tmp_path / "a.tif", values, "-1.7976931348623157e+308"), 1)[0]
    np.testing.assert_array_equal(image, np.where(values < 0, np.nan, values).astype(np.float32))
    whole = noise(*SPACE).astype(np.uint32)
    whole[3:6] = 2**32 - 1
    image = read_picture(tagged(tmp_path / "b.tif", whole, "4294967295"), 1)[0]
    np.testing.assert_array_equal(image.isnan(), whole == 2**32 - 1)


def test_a_volume_has_the_tag_too(tmp_path: Path) -> None:
    values = noise(3, *SPACE)
    with open_image(tagged(tmp_path / "a.tif", values, "7"), InputSpec(1, 3)) as image:
        np.testing.assert_array_equal(image.read()[0].isnan(), values == 7)
