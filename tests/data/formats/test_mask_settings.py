"""Typed values of masks: taken as they are, or refused in one sentence, in the command as well."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from gequnet.data.formats.masks import BinaryMaskReader, PaletteMaskReader
from gequnet.data.nodata import nodata_values
from gequnet.errors import ConfigError
from helpers.picture_makers import make_folder


@pytest.mark.parametrize("value", [[255, 255], [0, 300, 0], [0, -1, 0], [0, 2.5, 0], "white", None, True, [[0, 0, 0]]])
def test_values_that_no_mask_has(value: Any) -> None:
    for make in (lambda: PaletteMaskReader({"b": 0, "f": value}), lambda: PaletteMaskReader({"b": 0, "f": 1}, [value])):
        with pytest.raises(ConfigError, match="is no value of a mask: give a number, or a colour"):
            make()


@pytest.mark.parametrize("number", [300, -1, 2.5, float("nan")])
def test_numbers_that_no_grey_beside_colours_has(number: float) -> None:
    with pytest.raises(ConfigError, match="is no grey level beside colours"):
        PaletteMaskReader({"b": number, "f": [255, 0, 0]})
    with pytest.raises(ConfigError, match="is no grey level beside colours"):
        PaletteMaskReader({"b": 0, "f": [255, 0, 0]}, number)


@pytest.mark.parametrize("palette", [[0, 255], 255, "white"])
def test_a_palette_without_names(palette: Any) -> None:
    with pytest.raises(ConfigError, match="names no classes"):
        PaletteMaskReader(palette)


def test_floats_are_numbers(tmp_path: Path) -> None:
    mask = np.resize(np.array([0, 2.5, 255], np.float32), (6, 9))
    tifffile.imwrite(tmp_path / "a.tif", mask)
    found, valid = PaletteMaskReader({"b": 0.0, "f": 2.5}, 255.0).read(tmp_path / "a.tif")
    np.testing.assert_array_equal(found, mask == 2.5)
    np.testing.assert_array_equal(valid, mask != 255)


@pytest.mark.parametrize("ignore", [2.0, [2.0], 2, [2]])
def test_one_ignored_value_or_a_list(ignore: Any, tmp_path: Path) -> None:
    mask = np.resize(np.array([0, 1, 2], np.uint8), (6, 9))
    tifffile.imwrite(tmp_path / "a.tif", mask)
    found, valid = BinaryMaskReader(ignore=ignore).read(tmp_path / "a.tif")
    np.testing.assert_array_equal(found, mask == 1)
    np.testing.assert_array_equal(valid, mask != 2)


@pytest.mark.parametrize("nodata", ["abc", [0, None], True, [[0]]])
def test_nodata_that_is_no_number(nodata: Any) -> None:
    with pytest.raises(ConfigError, match="is no number: give one, such as -9999"):
        nodata_values(nodata)


COMMAND = """
import sys
from gequnet.data.__main__ import main
root, *words = sys.argv[1:]
for word in words:
    print(main(["verify", "folder", "--root", root, "data.source.folds=3", word]), file=sys.stderr)
"""


def test_the_command_says_it_in_a_sentence(tmp_path: Path) -> None:
    """In a process of its own, as the tests check types before the functions see a value."""
    good = ["palette={background:0,foreground:255.0}", "ignore=9.0", "ignore=nan", "ignore=inf", "threshold=127"]
    bad = [
        *("palette={background:0,foreground:[255,255]}", "palette={background:0,foreground:255,other:[0,300,0]}"),
        *("palette=3", "palette=[0,255]", "ignore=abc", "threshold=nan", "threshold=abc", "nodata=abc"),
        "nodata=[0,null]",
    ]
    words = [f"data.source.{word}" for word in (*good, *bad)]
    command = [sys.executable, "-c", COMMAND, make_folder(tmp_path, 3), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    *lines, _ = done.stderr.split("\n")
    assert lines[: len(good)] == ["0"] * len(good)
    assert lines[len(good) + 1 :: 2] == ["2"] * len(bad)
    assert all(line.endswith(".") for line in lines[len(good) :: 2])
