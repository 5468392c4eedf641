"""TIFFs with an orientation: the pixels of NumPy's turns, for every type, number of channels and packing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from gequnet.data.formats.image_file import InputSpec
from gequnet.data.formats.mask_values import read_mask_values
from gequnet.data.formats.open_image import open_image
from gequnet.data.formats.pictures import read_header, read_picture
from helpers.image_makers import noise

SPACE = (20, 31)
DTYPES = (
    *(np.bool_, np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32),
    *(np.float16, np.float32, np.float64),
)
UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: np.swapaxes(a, 0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(np.swapaxes(a, 0, 1), 2),
    8: np.rot90,
}


def turned(path: Path, values: np.ndarray, orientation: int, **options: Any) -> Path:
    tag = (274, "H", 1, orientation, True)
    tifffile.imwrite(path, values, **{"photometric": "minisblack", "extratags": [tag], **options})
    return path


@pytest.mark.parametrize("packed", [{}, {"compression": "zlib", "tile": (16, 16)}, {"byteorder": ">"}], ids=str)
@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("dtype", DTYPES)
def test_grey_of_every_type(dtype: type, orientation: int, packed: dict, tmp_path: Path) -> None:
    values = noise(*SPACE, dtype=dtype)
    packed = {} if dtype == np.bool_ else packed
    path = turned(tmp_path / "a.tif", values, orientation, **packed)
    upright = UPRIGHT[orientation](values)
    found = read_mask_values(path).channels[0]
    assert found.dtype == values.dtype
    np.testing.assert_array_equal(found, upright)
    assert read_header(path).size == upright.shape


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_every_number_of_channels(count: int, planar: str, orientation: int, tmp_path: Path) -> None:
    values = noise(*SPACE, count)
    stored = values if planar == "contig" else values.transpose(2, 0, 1)
    kind = "rgb" if count > 2 else "minisblack"
    path = turned(tmp_path / "a.tif", stored, orientation, planarconfig=planar, photometric=kind)
    expected = torch.from_numpy(UPRIGHT[orientation](values).transpose(2, 0, 1).copy())
    assert torch.equal(read_picture(path, count), expected)
    with open_image(path, InputSpec(count, 2)) as image:
        assert torch.equal(image.read(window=(slice(3, 9), slice(2, 11))), expected[:, 3:9, 2:11])


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_palettes_and_inverted_greys(orientation: int, tmp_path: Path) -> None:
    numbers, colours = noise(*SPACE), noise(3, 256, dtype=np.uint16)
    path = turned(tmp_path / "a.tif", numbers, orientation, photometric="palette", colormap=colours)
    upright = UPRIGHT[orientation](numbers)
    np.testing.assert_array_equal(read_mask_values(path).channels[0], upright)
    np.testing.assert_array_equal(read_picture(path, 3), (colours >> 8)[:, upright])
    for dtype in (np.uint8, np.uint16):
        values = noise(*SPACE, dtype=dtype)
        inverted = turned(tmp_path / "i.tif", values, orientation, photometric="miniswhite")
        greys = np.iinfo(dtype).max - UPRIGHT[orientation](values)
        np.testing.assert_array_equal(read_mask_values(inverted).channels[0], greys)


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_pages_and_packed_pictures(orientation: int, tmp_path: Path) -> None:
    pages = noise(3, *SPACE)
    path = turned(tmp_path / "a.tif", pages, orientation)
    for page in range(3):
        np.testing.assert_array_equal(read_picture(path, 1, page=page)[0], UPRIGHT[orientation](pages[page]))
    packed = tmp_path / "lzw.tif"
    Image.fromarray(pages[0]).save(packed, compression="tiff_lzw", tiffinfo={274: orientation})
    np.testing.assert_array_equal(read_picture(packed, 1)[0], UPRIGHT[orientation](pages[0]))
