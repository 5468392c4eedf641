"""One reader for training, evaluation and prediction: exact values, or a refusal that names the file."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from gequnet.data.errors import DataError, NotAnImageError, UnexpectedMaskValuesError, UnsupportedImageError
from gequnet.data.formats.image_file import InputSpec
from gequnet.data.formats.mask_values import read_mask_values
from gequnet.data.formats.masks import BinaryMaskReader, PaletteMaskReader
from gequnet.data.formats.open_image import open_image
from gequnet.data.formats.pictures import read_picture
from helpers.image_makers import noise
from helpers.picture_makers import make_palette_file, save

SPACE = (20, 26)
SQUARE = np.zeros(SPACE, np.uint8)
SQUARE[4:12, 5:20] = 1
DTYPES = (np.uint8, np.uint16, np.int16, np.uint32, np.int32, np.float16, np.float32, np.float64)


def tiff(path: Path, values: np.ndarray, **options: Any) -> Path:
    tifffile.imwrite(path, values, **{"photometric": "minisblack", **options})
    return path


def png(path: Path, values: np.ndarray, bits: int, kind: int = 0) -> Path:
    """A PNG of any depth, which Pillow cannot write."""
    height, width = values.shape[:2]
    rows = values.reshape(height, -1)
    if bits == 16:
        packed = [row.astype(">u2").tobytes() for row in rows]
    else:
        spread = (rows[:, :, None] >> np.arange(bits - 1, -1, -1) & 1).reshape(height, -1).astype(np.uint8)
        packed = [np.packbits(row).tobytes() for row in spread]
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"".join(b"\0" + row for row in packed))), (b"IEND", b"")]
    parts = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    return path


FILES: dict[str, Callable[[Path], Path]] = {
    **{f"tiff {np.dtype(d)}": lambda p, d=d: tiff(p / "a.tif", (noise(*SPACE) * 3).astype(d)) for d in DTYPES},
    "big-endian tiff": lambda p: tiff(p / "a.tif", noise(*SPACE, dtype=np.uint16), byteorder=">"),
    "packed tiff": lambda p: tiff(p / "a.tif", noise(*SPACE, dtype=np.uint16), compression="zlib", predictor=True),
    "tiff of 1 bit": lambda p: tiff(p / "a.tif", noise(*SPACE) > 100),
    "inverted tiff": lambda p: tiff(p / "a.tif", noise(*SPACE), photometric="miniswhite"),
    "colour tiff": lambda p: tiff(p / "a.tif", noise(*SPACE, 3), photometric="rgb"),
    "deep colour tiff": lambda p: tiff(p / "a.tif", noise(*SPACE, 3, dtype=np.uint16), photometric="rgb"),
    "turned tiff": lambda p: tiff(p / "a.tif", noise(*SPACE), extratags=[(274, "H", 1, 6, True)]),
    "png": lambda p: save(p / "a.png", noise(*SPACE, 3)),
    "deep png": lambda p: save(p / "a.png", noise(*SPACE, dtype=np.uint16)),
    "png of 4 bits": lambda p: png(p / "a.png", noise(*SPACE) >> 4, 4),
    "palette png": lambda p: (make_palette_file(p / "a.png", SQUARE, [(9, 8, 7), (60, 200, 30)]), p / "a.png")[1],
    "jpg": lambda p: save(p / "a.jpg", noise(*SPACE, 3)),
    "bmp": lambda p: save(p / "a.bmp", noise(*SPACE, 3)),
    "webp": lambda p: save(p / "a.webp", noise(*SPACE, 3), lossless=True),
    "pgm": lambda p: save(p / "a.pgm", noise(*SPACE)),
    "tiff with the ending of a png": lambda p: tiff(p / "a.png", noise(*SPACE, dtype=np.uint16)),
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("channels", [1, 3])
def test_training_and_prediction_read_the_same(kind: str, channels: int, tmp_path: Path) -> None:
    path = FILES[kind](tmp_path)
    with open_image(path, InputSpec(channels, 2)) as image:
        assert torch.equal(image.read(), read_picture(path, channels))
        assert torch.equal(image.read(window=(slice(3, 9), slice(2, 11))), image.read()[:, 3:9, 2:11])


@pytest.mark.parametrize("dtype", DTYPES)
def test_values_of_every_type_are_exact(dtype: type, tmp_path: Path) -> None:
    values = (noise(*SPACE).astype(np.int64) * 3 - (300 if np.dtype(dtype).kind in "if" else 0)).astype(dtype)
    path = tiff(tmp_path / "a.tif", values)
    np.testing.assert_array_equal(read_mask_values(path).channels[0], values)
    unit = {"u": 65535, "i": 65535, "f": 1}[np.dtype(dtype).kind] if dtype != np.uint8 else 1
    np.testing.assert_array_equal(read_picture(path, 1)[0], values.astype(np.float32) / np.float32(unit))


@pytest.mark.parametrize("count", [2, 4, 5, 8])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_any_number_of_channels(count: int, planar: str, tmp_path: Path) -> None:
    values = noise(*SPACE, count) if planar == "contig" else noise(count, *SPACE)
    path = tiff(tmp_path / "a.tif", values, planarconfig=planar)
    expected = torch.from_numpy(values if planar == "separate" else values.transpose(2, 0, 1).copy())
    assert torch.equal(read_picture(path, count), expected)
    with pytest.raises(DataError, match=f"has {count} channels and the network takes 3 channels"):
        read_picture(path, 3)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_numbers_of_few_bits_are_not_scaled(bits: int, tmp_path: Path) -> None:
    numbers = noise(*SPACE) >> (8 - bits)
    path = png(tmp_path / "a.png", numbers, bits)
    mask, _ = PaletteMaskReader({str(number): number for number in range(2**bits)}).read(path)
    np.testing.assert_array_equal(mask, numbers)


REFUSED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "pages": (lambda p: tiff(p / "a.tif", noise(5, *SPACE)), "has 5 pages"),
    "frames": (lambda p: _frames(p / "a.gif"), "has 2 frames"),
    "colours of 16 bits": (lambda p: png(p / "a.png", noise(*SPACE, 3, dtype=np.uint16), 16, 2), "colours of 16 bits"),
    "CMYK": (lambda p: _saved(p / "a.jpg", Image.fromarray(noise(*SPACE, 4), "CMYK")), "of the kind CMYK"),
    "levels of a PGM": (lambda p: _written(p / "a.pgm", b"P5 3 2 100\n" + bytes(range(6))), "levels from 0 to 100"),
    "complex numbers": (lambda p: tiff(p / "a.tif", noise(*SPACE).astype(np.complex64)), "of the type complex64"),
    "too large a value": (lambda p: tiff(p / "a.tif", np.full(SPACE, 1e300)), r"values up to 1e\+300"),
    "a text": (lambda p: _written(p / "a.png", b"no picture\n"), "is no image but a text"),
    "a web page": (lambda p: _written(p / "a.jpg", b"<!DOCTYPE html>"), "is no image but a web page"),
    "nothing": (lambda p: _written(p / "a.png", b""), "it is empty"),
    "a wrong checksum": (lambda p: _spoilt(png(p / "a.png", noise(*SPACE), 8)), "a checksum does not fit"),
    "a cut file": (lambda p: _cut(save(p / "a.png", noise(*SPACE, 3))), "cannot be read as an image"),
    "a cut tiff": (lambda p: _cut(tiff(p / "a.tif", noise(*SPACE), compression="zlib")), "cannot be read as an image"),
}


def _frames(path: Path) -> Path:
    first, second = (Image.fromarray(noise(*SPACE, seed=seed)) for seed in (0, 1))
    first.save(path, save_all=True, append_images=[second])
    return path


def _saved(path: Path, picture: Image.Image) -> Path:
    picture.save(path)
    return path


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _spoilt(path: Path) -> Path:
    content = bytearray(path.read_bytes())
    content[-14] ^= 1  # in the checksum of the pixels
    return _written(path, bytes(content))


def _cut(path: Path) -> Path:
    return _written(path, path.read_bytes()[:-30])


@pytest.mark.parametrize("kind", REFUSED)
def test_all_else_is_refused_with_its_cause(kind: str, tmp_path: Path) -> None:
    make, words = REFUSED[kind]
    path = make(tmp_path)
    for read in (lambda: read_picture(path, 1), lambda: read_mask_values(path)):
        if kind == "too large a value" and read_mask_values(path).channels.max() == 1e300:
            read = lambda: read_picture(path, 1)  # noqa: E731
        with pytest.raises(DataError, match=words) as caught:
            read()
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
        damaged = not isinstance(caught.value, UnsupportedImageError | NotAnImageError)
        assert ("fetch it again" in str(caught.value)) == (damaged and kind != "too large a value")


@pytest.mark.parametrize(
    "open_file", [lambda path: read_picture(path, 1), lambda path: open_image(path, InputSpec(1, 2))]
)
def test_a_size_that_no_file_of_its_length_has(open_file: Callable[[Path], Any], tmp_path: Path) -> None:
    content = bytearray(save(tmp_path / "a.gif", noise(*SPACE)).read_bytes())
    content[6:10] = b"\xff" * 4
    limit = Image.MAX_IMAGE_PIXELS
    with pytest.raises(DataError, match="bytes do not hold the 65535x65535 pixels of its header"):
        open_file(_written(tmp_path / "a.gif", bytes(content)))
    assert limit == Image.MAX_IMAGE_PIXELS


def test_a_strip_in_place_of_the_header_is_not_read_as_zeros(tmp_path: Path) -> None:
    path = tiff(tmp_path / "a.tif", noise(*SPACE))
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages.first.tags["StripOffsets"].overwrite(0)
    with pytest.raises(DataError, match="have a place or a length of 0"):
        read_picture(path, 1)


def test_white_of_one_bit_is_above_a_threshold_of_grey_levels(tmp_path: Path) -> None:
    mask, _ = BinaryMaskReader(127).read(png(tmp_path / "m.png", SQUARE, 1))
    np.testing.assert_array_equal(mask, SQUARE)


def test_a_picture_above_the_limit_of_pillow_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    values = noise(*SPACE)
    np.testing.assert_array_equal(read_picture(save(tmp_path / "a.png", values), 1)[0], values)


def test_transparency_is_not_left_out_in_silence(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    opaque = np.concatenate([noise(*SPACE, 3), np.full((*SPACE, 1), 255, np.uint8)], 2)
    read_picture(save(tmp_path / "a.png", opaque), 3)
    assert not caplog.records
    half = np.concatenate([noise(*SPACE, 3), noise(*SPACE, 1)], 2)
    for name in ("b.png", "c.png"):
        np.testing.assert_array_equal(read_picture(save(tmp_path / name, half), 3).permute(1, 2, 0), half[..., :3])
    (record,) = caplog.records
    assert "b.png has transparent pixels" in record.getMessage()
    assert torch.equal(read_picture(tmp_path / "b.png", 4), torch.from_numpy(half.transpose(2, 0, 1).copy()))


MASKS: dict[str, tuple[Callable[[Path], Path], str | None]] = {
    "0 and 1": (lambda p: save(p / "m.png", SQUARE), None),
    "0 and 255": (lambda p: save(p / "m.png", SQUARE * 255), None),
    "0 and 65535": (lambda p: tiff(p / "m.tif", SQUARE.astype(np.uint16) * 65535), None),
    "0.0 and 1.0": (lambda p: tiff(p / "m.tif", SQUARE.astype(np.float32)), None),
    "near black and white": (lambda p: save(p / "m.png", SQUARE * 245 + np.uint8(5)), None),
    "colours of black and white": (lambda p: save(p / "m.png", np.stack([SQUARE * 255] * 3, 2)), None),
    "a dark palette": (lambda p: _palette(p, [(0, 0, 0), (10, 10, 10)]), None),
    "a palette of colours": (lambda p: _palette(p, [(0, 0, 0), (128, 0, 0)]), None),
    "0 and 2": (lambda p: save(p / "m.png", SQUARE * 2), r"0 \(76\.92%\), 2 \(23\.08%\).*background:0,foreground:2"),
    "1 and 2": (lambda p: save(p / "m.png", SQUARE + np.uint8(1)), "background:1,foreground:2"),
    "0 and 7": (lambda p: save(p / "m.png", SQUARE * 7), "threshold=3.5"),
    "a dark colour": (lambda p: _coloured(p, (0, 0, 100)), r"background:\[0,0,0\],foreground:\[0,0,100\]"),
    "a very dark colour": (lambda p: _coloured(p, (0, 0, 20)), r"foreground:\[0,0,20\]"),
    "soft": (lambda p: tiff(p / "m.tif", SQUARE * 0.9 + 0.05), r"0\.05 \(76\.92%\), 0\.95 .*threshold=0\.5"),
    "0, 1 and 255": (
        lambda p: save(p / "m.png", SQUARE | np.uint8(255) * (noise(*SPACE) > 250)),
        "data.source.ignore=255",
    ),
    "a JPEG": (lambda p: save(p / "m.jpg", SQUARE * 255, quality=60), "data.source.threshold=127"),
    "transparency": (lambda p: save(p / "m.png", _in_alpha()), "seem to be in its transparency"),
}


def _palette(folder: Path, colours: list[tuple[int, int, int]]) -> Path:
    make_palette_file(folder / "m.png", SQUARE, colours)
    return folder / "m.png"


def _coloured(folder: Path, colour: tuple[int, int, int]) -> Path:
    return save(folder / "m.png", SQUARE[:, :, None] * np.array(colour, np.uint8))


def _in_alpha() -> np.ndarray:
    return np.concatenate([np.zeros((*SPACE, 3), np.uint8), SQUARE[:, :, None] * np.uint8(255)], 2)


@pytest.mark.parametrize("kind", MASKS)
def test_a_mask_is_read_right_or_refused_with_its_values(kind: str, tmp_path: Path) -> None:
    make, words = MASKS[kind]
    path = make(tmp_path)
    if words is None:
        np.testing.assert_array_equal(BinaryMaskReader().read(path)[0], SQUARE)
        return
    with pytest.raises(DataError, match=words) as caught:
        BinaryMaskReader().read(path)
    assert "\n" not in str(caught.value)


def test_the_lines_of_the_advice_fit(tmp_path: Path) -> None:
    for name, values in (("a.png", SQUARE * 2), ("b.tif", SQUARE * 0.9 + 0.05)):
        path = tiff(tmp_path / name, values) if name.endswith("tif") else save(tmp_path / name, values)
        with pytest.raises(UnexpectedMaskValuesError) as caught:
            BinaryMaskReader().read(path)
        threshold = float(str(caught.value).partition("threshold=")[2].split(".\n")[0].rstrip(".").split()[0])
        np.testing.assert_array_equal(BinaryMaskReader(threshold).read(path)[0], SQUARE)
    with pytest.raises(UnexpectedMaskValuesError, match=r"0\.9 \(23"):
        PaletteMaskReader({"b": 0, "f": 1}).read(tiff(tmp_path / "c.tif", SQUARE * 0.9))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
@pytest.mark.parametrize("tagged", [True, False])
def test_pixels_without_data_are_nan_in_every_reader(dtype: type, tagged: bool, tmp_path: Path) -> None:
    value = 7 if dtype == np.uint8 else 999
    values = (noise(*SPACE) | np.uint8(8)).astype(dtype)
    values[3:6] = value
    options = {"extratags": [(42113, "s", 0, str(value), True)]} if tagged else {}
    path, nodata = tiff(tmp_path / "a.tif", values, **options), () if tagged else (float(value), -9999.0)
    image = read_picture(path, 3, nodata=nodata)
    np.testing.assert_array_equal(image.isnan().all(0), values == value)
    plain = read_picture(tiff(tmp_path / "plain.tif", values), 3)
    expected = plain.float() / 255 if dtype == np.uint8 else plain
    assert torch.equal(image[:, 6:], expected[:, 6:])
    with open_image(path, InputSpec(3, 2, nodata)) as opened:
        assert torch.equal(opened.read().nan_to_num(-1), image.nan_to_num(-1))
