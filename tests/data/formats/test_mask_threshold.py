"""Thresholds: exact against NumPy, and refused where they lose one side of a mask."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from gequnet.data.errors import UnexpectedMaskValuesError
from gequnet.data.formats.masks import BinaryMaskReader, read_binary
from gequnet.errors import ConfigError
from helpers.picture_makers import make_palette_file, save, shape

SQUARE = shape(0).astype(np.uint8)


def tiff(folder: Path, values: np.ndarray) -> Path:
    tifffile.imwrite(folder / "m.tif", values)
    return folder / "m.tif"


@pytest.mark.parametrize("threshold", [0, 3, 127, 254])
def test_one_bit_is_black_and_white(threshold: int, tmp_path: Path) -> None:
    for path in (tmp_path / "a.png", tmp_path / "a.tif", tmp_path / "a.bmp"):
        Image.fromarray(shape(0)).save(path)
        np.testing.assert_array_equal(BinaryMaskReader(threshold).read(path)[0], shape(0))


@pytest.mark.parametrize("values", [(0, 1), (0, 100), (3, 7), (128, 255)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32])
def test_a_threshold_that_divides_nothing_is_refused_with_the_values(
    values: tuple[int, int], dtype: type, tmp_path: Path
) -> None:
    low, high = values
    mask = np.where(shape(0), high, low).astype(dtype)
    path = tiff(tmp_path, mask)
    expected = rf"values {low} \(.*, {high} \(.* above and below data\.source\.threshold=127; give data\.source\."
    with pytest.raises(UnexpectedMaskValuesError, match=expected) as caught:
        BinaryMaskReader(127).read(path)
    advised = float(str(caught.value).partition("give data.source.threshold=")[2].split()[0])
    np.testing.assert_array_equal(BinaryMaskReader(advised).read(path)[0], mask > advised)
    np.testing.assert_array_equal(mask > advised, shape(0))
    with pytest.raises(UnexpectedMaskValuesError, match="fetch the original"):
        read_binary(path, threshold=127)


@pytest.mark.parametrize("value", [0, 200])
def test_a_mask_of_one_value_is_on_one_side(value: int, tmp_path: Path) -> None:
    mask = np.full((9, 9), value, np.uint8)
    np.testing.assert_array_equal(BinaryMaskReader(127).read(tiff(tmp_path, mask))[0], mask > 127)


@pytest.mark.parametrize("threshold", [300, 255, -1, 1e9])
def test_a_threshold_that_no_value_of_the_type_exceeds(threshold: float, tmp_path: Path) -> None:
    for mask in (SQUARE * 255, SQUARE * 0):
        with pytest.raises(UnexpectedMaskValuesError, match="data.source.threshold=127"):
            BinaryMaskReader(threshold).read(tiff(tmp_path, mask))
    deep = np.arange(400, dtype=np.uint16).reshape(20, 20)
    np.testing.assert_array_equal(BinaryMaskReader(300).read(tiff(tmp_path, deep))[0], deep > 300)


def test_ignored_pixels_are_on_no_side(tmp_path: Path) -> None:
    mask = SQUARE.copy()
    mask[0] = 255
    with pytest.raises(UnexpectedMaskValuesError, match=r"0 \(.*, 1 \("):
        BinaryMaskReader(127, 255).read(tiff(tmp_path, mask))


@pytest.mark.parametrize("threshold", [float("nan"), float("inf"), "abc", True, [127]])
def test_a_threshold_that_is_no_level(threshold: Any) -> None:
    with pytest.raises(ConfigError, match="is no grey level: give a number"):
        BinaryMaskReader(threshold)


def test_a_black_photograph_of_a_mask_is_black_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    noise = np.random.default_rng(0).integers(0, 9, (20, 26)).astype(np.uint8)
    path = save(tmp_path / "a.jpg", noise, quality=95)
    assert not BinaryMaskReader(127).read(path)[0].any()
    assert "all on one side of data.source.threshold=127" in caplog.text
    with pytest.raises(UnexpectedMaskValuesError):
        BinaryMaskReader(127).read(save(tmp_path / "b.jpg", SQUARE * 100, quality=95))


def test_levels_of_a_grey_palette(tmp_path: Path) -> None:
    make_palette_file(tmp_path / "a.png", SQUARE * 3, [(level, level, level) for level in (0, 9, 9, 90)])
    np.testing.assert_array_equal(BinaryMaskReader(50).read(tmp_path / "a.png")[0], SQUARE)
    with pytest.raises(UnexpectedMaskValuesError, match=r"values 0 \(.*, 90 \("):
        BinaryMaskReader(127).read(tmp_path / "a.png")


def test_fractions_in_three_channels_are_not_cast(tmp_path: Path) -> None:
    soft = np.stack([SQUARE * 0.9] * 3, 2)
    tifffile.imwrite(tmp_path / "a.tif", soft, photometric="rgb")
    np.testing.assert_array_equal(BinaryMaskReader(0.5).read(tmp_path / "a.tif")[0], soft[..., 0] > 0.5)
