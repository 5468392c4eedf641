"""Kinds of TIFF: exact, or refused with what the file holds and without a word of damage."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from gequnet.data.errors import DataError, UnsupportedImageError
from gequnet.data.formats.mask_values import read_mask_values
from gequnet.data.formats.pictures import read_picture
from helpers.image_makers import noise

SPACE = (20, 31)


def packed(path: Path, values: np.ndarray, tags: dict[int, Any] | None = None) -> Path:
    """A file with LZW, which has these tags."""
    Image.fromarray(values).save(path, compression="tiff_lzw", tiffinfo=tags)
    return overwritten(path, tags or {})


def overwritten(path: Path, tags: dict[int, Any]) -> Path:
    with tifffile.TiffFile(path, mode="r+b") as file:
        for code, value in tags.items():
            file.pages[0].tags[code].overwrite(value)
    return path


def test_lzw_of_every_sign(tmp_path: Path) -> None:
    whole = noise(*SPACE, dtype=np.uint32)
    path = packed(tmp_path / "a.tif", whole.view(np.int32), {339: 1})
    found = read_mask_values(path).channels[0]
    assert found.dtype == np.uint32
    np.testing.assert_array_equal(found, whole)
    for sign, dtype in ((1, np.uint16), (2, np.int16)):
        deep = packed(tmp_path / "b.tif", noise(*SPACE, dtype=np.uint16), {339: sign} if sign == 2 else {})
        found = read_mask_values(deep).channels[0]
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, noise(*SPACE, dtype=np.uint16).view(dtype))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_fourth_band_is_no_transparency(channels: int, orientation: int, tmp_path: Path) -> None:
    options: dict[str, Any] = {"photometric": "rgb", "extratags": [(274, "H", 1, orientation, True)]}
    tifffile.imwrite(tmp_path / "a.tif", noise(*SPACE, 4), extrasamples=["unspecified"], **options)
    with pytest.raises(DataError, match=f"has 4 channels and the network takes {channels} channel"):
        read_picture(tmp_path / "a.tif", channels)
    with pytest.raises(UnsupportedImageError, match="has 4 channels, and a mask has one number"):
        read_mask_values(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "b.tif", noise(*SPACE, 4), extrasamples=["unassalpha"], **options)
    assert len(read_picture(tmp_path / "b.tif", channels)) == channels


def test_colours_times_alpha_have_one_reading(tmp_path: Path) -> None:
    values, opaque = noise(*SPACE, 4), noise(*SPACE, 4)
    opaque[..., 3] = 255
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", extrasamples=["assocalpha"])
    np.testing.assert_array_equal(read_picture(tmp_path / "a.tif", 4), values.transpose(2, 0, 1))
    with pytest.raises(UnsupportedImageError, match="rgb times alpha with 4 channels of 8 bits .* packed as lzw"):
        read_picture(packed(tmp_path / "b.tif", values, {338: 1}), 4)
    np.testing.assert_array_equal(
        read_picture(packed(tmp_path / "c.tif", opaque, {338: 1}), 4), opaque.transpose(2, 0, 1)
    )


@pytest.mark.parametrize("kind", ["CFA", "LOGL", "LOGLUV", "ICCLAB", "ITULAB", "MASK", "DEPTH_MAP", "SEPARATED", "99"])
def test_other_kinds_of_pixels_are_named(kind: str, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise(*SPACE), photometric="minisblack")
    overwritten(tmp_path / "a.tif", {262: int(kind) if kind.isdigit() else int(tifffile.PHOTOMETRIC[kind])})
    for read in (lambda path: read_picture(path, 1), read_mask_values):
        with pytest.raises(UnsupportedImageError, match=f"a.tif is a TIFF of {kind.lower()}.*save it") as caught:
            read(tmp_path / "a.tif")
        assert "fetch it again" not in str(caught.value)


def test_what_pillow_would_change_is_not_called_damaged(tmp_path: Path) -> None:
    inverted = tmp_path / "a.tif"
    tifffile.imwrite(inverted, noise(*SPACE, 2), photometric="miniswhite", planarconfig="contig")
    half = packed(tmp_path / "b.tif", noise(*SPACE, dtype=np.uint16), {339: 3})
    for path, words in ((inverted, "miniswhite with 2 channels"), (half, "16 bits .float16., packed as lzw")):
        with pytest.raises(UnsupportedImageError, match=words):
            read_picture(path, 2)


@pytest.mark.parametrize("compression", ["WEBP", "LERC", "JPEG2000", "PNG", "JPEGXL"])
def test_compressions_without_a_decoder_are_named(compression: str, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise(*SPACE), photometric="minisblack")
    overwritten(tmp_path / "a.tif", {259: int(tifffile.COMPRESSION[compression])})
    with pytest.raises(UnsupportedImageError, match=f"a.tif is a TIFF .*packed as {compression.lower()}; save it"):
        read_picture(tmp_path / "a.tif", 1)


def test_zstandard_is_read_without_a_module_of_its_own(tmp_path: Path) -> None:
    Image.fromarray(noise(*SPACE)).save(tmp_path / "a.tif", compression="zstd")
    np.testing.assert_array_equal(read_picture(tmp_path / "a.tif", 1)[0], noise(*SPACE))


def test_a_palette_of_one_bit(tmp_path: Path) -> None:
    numbers, colours = noise(*SPACE, dtype=np.bool_), (0xFF00, 0x1200, 0, 0x3400, 0x5600, 0x7800)
    tags = [(320, "H", 6, colours, True)]
    tifffile.imwrite(tmp_path / "a.tif", numbers, photometric="minisblack", extratags=tags)
    path = overwritten(tmp_path / "a.tif", {262: 3})
    with Image.open(path) as picture:
        shown = np.asarray(picture.convert("RGB"))
    assert len(np.unique(shown)) == 6
    np.testing.assert_array_equal(read_picture(path, 3).permute(1, 2, 0), shown)
