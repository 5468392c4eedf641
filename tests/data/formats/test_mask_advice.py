"""Masks with other values than black and white: refused, and every advised line pasted and read again."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from gequnet.config.build import build
from gequnet.config.compose import compose, resolve
from gequnet.data.errors import UnexpectedMaskValuesError
from gequnet.data.formats.masks import BinaryMaskReader, PaletteMaskReader
from helpers.picture_makers import make_palette_file, photograph, save

PLACES = np.random.default_rng(0).integers(0, 8, (20, 26))
NAN, INF = float("nan"), float("inf")


def with_values(*values: float, dtype: type = np.uint8) -> np.ndarray:
    """Pixels of these values; the first is the most frequent."""
    return np.array(values, dtype)[np.where(len(values) > PLACES, PLACES, 0)]


def pairs(root: Path, mask: np.ndarray, *typed: str) -> Any:
    """Dataset of three images with this mask, with typed values."""
    for number in range(3):
        save(root / "images" / f"{number}.png", photograph(number))
        (root / "masks").mkdir(exist_ok=True)
        tifffile.imwrite(root / "masks" / f"{number}.tif", mask)
    return source(root, *typed)


def source(root: Path, *typed: str) -> Any:
    cfg = resolve(compose(["data=folder", f"paths.data={root}", "paths.run=here", "data.source.folds=3", *typed]))
    return build(cfg.data.source)


def advised(error: pytest.ExceptionInfo[UnexpectedMaskValuesError]) -> list[list[str]]:
    """Words to type of each alternative."""
    assert "\n" not in str(error.value)
    alternatives = str(error.value).partition("; ")[2].removesuffix(".").split(" or ")
    found = [re.findall(r"'(\+?data\.source[^']*)'|(data\.source\.\S+)", text) for text in alternatives]
    return [[quoted or plain for quoted, plain in each] for each in found if each]


REFUSED: dict[str, tuple[np.ndarray, list[str]]] = {
    "0 and 2": (with_values(0, 2), ["palette={background:0,foreground:2}", "threshold=1"]),
    "a last number of 32 bits": (
        with_values(0, 2**31 - 1, dtype=np.int64),
        ["palette={background:0,foreground:2147483647}", "threshold=1.07374e+09"],
    ),
    "neighbours of 32 bits": (
        with_values(2**31 - 2, 2**31 - 1, dtype=np.int64),
        ["palette={background:2147483646,foreground:2147483647}", "threshold=2147483646"],
    ),
    "whole floats and void": (
        with_values(0, 1, 255, dtype=np.float32),
        ["palette={background:0,class1:1,class2:255}", "ignore=255"],
    ),
    "fractions": (
        with_values(0.25, 0.75, dtype=np.float32),
        ["palette={background:0.25,foreground:0.75}", "threshold=0.5"],
    ),
    "fractions without end": (
        with_values(0, 0.1, 2.3, dtype=np.float32),
        ["palette={background:0,class1:0.10000000149011612,class2:2.299999952316284}"],
    ),
    "nan": (with_values(0, 1, NAN, dtype=np.float32), ["ignore=nan"]),
    "inf": (with_values(0, 1, INF, dtype=np.float32), ["ignore=inf"]),
    "several voids": (with_values(0, 1, NAN, -9999, dtype=np.float32), ["ignore=[-9999,nan]"]),
    "-1, 0 and 1": (with_values(0, 1, -1, dtype=np.int8), ["ignore=-1"]),
    "-1 and 0": (with_values(0, -1, dtype=np.int16), ["ignore=-1"]),
    "-1 and zeros of both signs": (with_values(0, -0.0, -1, dtype=np.float32), ["ignore=-1"]),
    "-1 beside classes": (
        with_values(0, 1, 2, -1, dtype=np.int8),
        ["palette={background:0,class1:1,class2:2} ignore=-1"],
    ),
    "-1 and 1": (
        with_values(-1, 1, dtype=np.int8),
        ["palette={background:-1,foreground:1}", "threshold=0", "ignore=-1"],
    ),
    "254": (with_values(0, 1, 254), ["palette={background:0,class1:1,class2:254}", "ignore=254"]),
    "classes and 255": (
        with_values(0, 1, 2, 255),
        ["palette={background:0,class1:1,class2:2,class3:255}", "palette={background:0,class1:1,class2:2} ignore=255"],
    ),
    "a rare grey": (with_values(0, 255, 128), ["palette={background:0,class1:128,class2:255}", "ignore=128"]),
    "only 7": (with_values(7), ["palette={background:0,foreground:7}"]),
    "the last of 64 bits": (
        with_values(0, 2**64 - 2, 2**64 - 1, dtype=np.uint64),
        ["palette={background:0,class1:18446744073709551614,class2:18446744073709551615}"],
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_each_advised_line_is_pasted_and_right(kind: str, tmp_path: Path) -> None:
    mask, lines = REFUSED[kind]
    with pytest.raises(UnexpectedMaskValuesError) as caught:
        pairs(tmp_path, mask).check()
    found = advised(caught)
    assert [" ".join(word.removeprefix("data.source.") for word in words) for words in found] == lines
    for words in found:
        reread = source(tmp_path, *words)
        reread.check()
        expected, valid = by_numpy(mask, words)
        scene = reread.load("0")
        np.testing.assert_array_equal(scene.valid, valid)
        np.testing.assert_array_equal(scene.mask.numpy()[valid], expected[valid])


def by_numpy(mask: np.ndarray, words: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Classes and valid pixels of an array, by the typed words."""
    typed = dict(word.removeprefix("data.source.").split("=") for word in words)
    ignored = [float(text) for text in typed.get("ignore", "").strip("[]").split(",") if text]
    valid = ~np.isin(mask, [value for value in ignored if value == value])
    valid &= ~np.isnan(mask) if NAN in map(abs, ignored) or any(value != value for value in ignored) else True
    if "palette" in typed:
        texts = [entry.split(":")[1] for entry in typed["palette"].strip("{}").split(",")]
        values = [float(text) if mask.dtype.kind == "f" else int(text) for text in texts]
        assert len(set(values)) == len(values)
        classes = np.select([mask == np.array(value, mask.dtype) for value in values], range(len(values)), 99)
        return classes, valid
    if "threshold" in typed:
        return mask > float(typed["threshold"]), valid
    return mask == mask[valid].max() if mask[valid].max() else np.zeros_like(mask), valid


COLOURS: dict[str, list[tuple[int, int, int]]] = {
    "numbers in red": [(0, 0, 0), (1, 0, 0), (2, 0, 0), (3, 0, 0)],
    "two numbers in red": [(0, 0, 0), (2, 0, 0), (3, 0, 0)],
    "numbers in blue": [(0, 0, 0), (0, 0, 1), (0, 0, 2), (0, 0, 3)],
    "a dark object and void": [(0, 0, 0), (1, 0, 0), (255, 255, 255)],
    "nearly white": [(0, 0, 0), (240, 255, 240), (255, 240, 240)],
}


@pytest.mark.parametrize("kind", COLOURS)
@pytest.mark.parametrize("threshold", [[], ["data.source.threshold=127"]])
def test_colours_are_not_merged_to_greys(kind: str, threshold: list[str], tmp_path: Path) -> None:
    colours = COLOURS[kind]
    numbers = with_values(*range(len(colours)))
    with pytest.raises(UnexpectedMaskValuesError) as caught:
        pairs(tmp_path, np.array(colours, np.uint8)[numbers], *threshold).check()
    for number, colour in enumerate(colours):
        assert f"{colour} ({(numbers == number).mean():.2%})" in str(caught.value)
    palette, *others = advised(caught)
    scene = source(tmp_path, *threshold, *palette).load("0")
    by_size = sorted(range(len(colours)), key=lambda number: colours[number])
    np.testing.assert_array_equal(scene.mask, np.argsort(by_size)[numbers])
    assert scene.valid.all()
    for words in others:
        scene = source(tmp_path, *threshold, *words).load("0")
        np.testing.assert_array_equal(scene.valid, numbers != 2)
        np.testing.assert_array_equal(scene.mask, numbers == 1)


@pytest.mark.parametrize("last", [(3, 0, 0), (255, 255, 255), (0, 0, 0)])
def test_numbers_of_a_dark_palette_are_classes(last: tuple[int, int, int], tmp_path: Path) -> None:
    numbers = with_values(0, 1, 2, 3)
    for number in range(3):
        save(tmp_path / "images" / f"{number}.png", photograph(number))
        make_palette_file(tmp_path / "masks" / f"{number}.png", numbers, [(0, 0, 0), (0, 0, 1), (0, 0, 2), last])
    with pytest.raises(UnexpectedMaskValuesError) as caught:
        source(tmp_path).check()
    for words in advised(caught):
        np.testing.assert_array_equal(source(tmp_path, *words).load("0").mask, numbers)


def test_numbers_of_one_colour_are_not_merged(tmp_path: Path) -> None:
    make_palette_file(tmp_path / "a.png", with_values(0, 1, 2), [(0, 0, 0), (255, 255, 255), (0, 0, 0)])
    with pytest.raises(UnexpectedMaskValuesError, match="background:0,class1:1,class2:2"):
        BinaryMaskReader(127).read(tmp_path / "a.png")


def test_a_class_and_void_of_a_coloured_palette_are_not_black_and_white(tmp_path: Path) -> None:
    colours = [(number, 7, 0) for number in range(256)]
    make_palette_file(tmp_path / "a.png", with_values(5, 255), colours)
    with pytest.raises(UnexpectedMaskValuesError, match=r"the values 5 .*, 255 "):
        BinaryMaskReader().read(tmp_path / "a.png")


def test_noise_of_a_compression_is_grey(tmp_path: Path) -> None:
    white = np.zeros((20, 90), np.uint8)
    white[:, 45:] = 255
    noisy = np.stack([white] * 3, 2)
    noisy[:, 43, 2] = np.arange(20)
    noisy[:, 46, 1] -= np.arange(20, dtype=np.uint8)
    path = save(tmp_path / "a.jpg", noisy, quality=95, subsampling=0)
    np.testing.assert_array_equal(BinaryMaskReader(127).read(path)[0], white == 255)
    faint = save(tmp_path / "b.jpg", np.where(white[..., None], [240, 255, 240], 0).astype(np.uint8), quality=95)
    with pytest.raises(UnexpectedMaskValuesError):
        BinaryMaskReader(127).read(faint)


def test_many_numbers_are_classes_or_levels(tmp_path: Path) -> None:
    mask = np.resize(np.arange(21, dtype=np.int16), (20, 26))
    mask[:2] = -1
    with pytest.raises(UnexpectedMaskValuesError) as caught:
        pairs(tmp_path, mask).check()
    [[palette, ignore, threshold, _]] = advised(caught)
    scene = source(tmp_path, palette, ignore).load("0")
    np.testing.assert_array_equal(scene.valid, mask >= 0)
    np.testing.assert_array_equal(scene.mask.numpy()[mask >= 0], mask[mask >= 0])
    scene = source(tmp_path, threshold, ignore).load("0")
    np.testing.assert_array_equal(scene.mask, mask > float(threshold.partition("=")[2]))


def test_a_line_keeps_what_was_ignored_before(tmp_path: Path) -> None:
    mask = with_values(0, 1, 255, -1, dtype=np.int16)
    with pytest.raises(UnexpectedMaskValuesError) as caught:
        pairs(tmp_path, mask, "data.source.ignore=255").check()
    [words] = advised(caught)
    assert words == ["data.source.ignore=[255,-1]"]
    scene = source(tmp_path, *words).load("0")
    np.testing.assert_array_equal(scene.valid, (mask == 0) | (mask == 1))
    np.testing.assert_array_equal(scene.mask, mask == 1)


def test_lines_for_values_that_a_palette_does_not_have(tmp_path: Path) -> None:
    mask = with_values(0, 1, 7)
    typed = ["data.source.palette={background:0,roof:1}", "data.source.ignore=255"]
    with pytest.raises(UnexpectedMaskValuesError) as caught:
        pairs(tmp_path, mask, *typed).check()
    palette, ignore = advised(caught)
    scene = source(tmp_path, *typed, *palette).load("0")
    np.testing.assert_array_equal(scene.mask, np.select([mask == 1, mask == 7], [1, 2]))
    scene = source(tmp_path, *typed, *ignore).load("0")
    np.testing.assert_array_equal(scene.valid, mask != 7)
    np.testing.assert_array_equal(scene.mask, mask == 1)


def test_lines_for_colours_that_a_palette_does_not_have(tmp_path: Path) -> None:
    numbers = with_values(0, 1, 2)
    mask = np.array([[0, 0, 0], [9, 0, 0], [0, 9, 0]], np.uint8)[numbers]
    typed = ["data.source.palette={background:0,roof:[9,0,0]}"]
    with pytest.raises(UnexpectedMaskValuesError) as caught:
        pairs(tmp_path, mask, *typed).check()
    palette, ignore = advised(caught)
    np.testing.assert_array_equal(source(tmp_path, *typed, *palette).load("0").mask, numbers)
    scene = source(tmp_path, *typed, *ignore).load("0")
    np.testing.assert_array_equal(scene.valid, numbers != 2)
    np.testing.assert_array_equal(scene.mask, numbers == 1)


def test_colours_where_numbers_were_declared(tmp_path: Path) -> None:
    numbers = with_values(0, 1)
    with pytest.raises(UnexpectedMaskValuesError) as caught:
        pairs(tmp_path, np.array([[0, 0, 0], [9, 0, 0]], np.uint8)[numbers], "data.source.palette={a:0,b:1}").check()
    [words] = advised(caught)
    np.testing.assert_array_equal(source(tmp_path, *words).load("0").mask, numbers)


def test_a_nan_is_one_value_and_not_many(tmp_path: Path) -> None:
    mask = with_values(0, 1, NAN, dtype=np.float32)
    share = f"{np.isnan(mask).mean():.2%}"
    for reader in (BinaryMaskReader(), PaletteMaskReader({"a": 0, "b": 1}), BinaryMaskReader(0.5)):
        with pytest.raises(UnexpectedMaskValuesError) as caught:
            reader.read(_tiff(tmp_path, mask))
        assert str(caught.value).count("nan (") == 1
        assert f"nan ({share})" in str(caught.value)
        assert ["data.source.ignore=nan"] in advised(caught)
    readers: list[Callable[[], Any]] = [
        lambda: BinaryMaskReader(0.5, NAN),
        lambda: BinaryMaskReader(ignore=[NAN]),
        lambda: PaletteMaskReader({"a": 0, "b": 1}, NAN),
    ]
    for make in readers:
        found, valid = make().read(_tiff(tmp_path, mask))
        np.testing.assert_array_equal(valid, ~np.isnan(mask))
        np.testing.assert_array_equal(found, mask == 1)


@pytest.mark.parametrize("ignore", [-1, 2**64 - 1])
def test_the_last_number_of_64_bits_is_not_minus_one(ignore: int, tmp_path: Path) -> None:
    mask = with_values(0, 1, 2**64 - 1, dtype=np.uint64)
    for reader in (BinaryMaskReader(ignore=ignore), PaletteMaskReader({"a": 0, "b": 1}, ignore)):
        if ignore == -1:
            with pytest.raises(UnexpectedMaskValuesError, match="18446744073709551615 "):
                reader.read(_tiff(tmp_path, mask))
        else:
            found, valid = reader.read(_tiff(tmp_path, mask))
            np.testing.assert_array_equal(valid, mask != np.uint64(ignore))
            np.testing.assert_array_equal(found, mask == 1)


def _tiff(folder: Path, values: np.ndarray) -> Path:
    tifffile.imwrite(folder / "m.tif", values)
    return folder / "m.tif"
