import numpy as np
import pytest

from gequnet.data.errors import UnexpectedMaskValuesError
from gequnet.data.formats.masks import BinaryMaskReader, PaletteMaskReader
from gequnet.errors import ConfigError
from helpers.picture_makers import classes, make_palette_file, save, shape

BLUE, RED = [0, 0, 255], [255, 0, 0]
COLOURS = np.array([[0, 0, 0], RED, BLUE], np.uint8)


@pytest.mark.parametrize("white", [1, 255])
def test_black_and_white(tmp_path, white):
    mask, valid = BinaryMaskReader().read(save(tmp_path / "a.png", shape(0).astype(np.uint8) * white))
    np.testing.assert_array_equal(mask, shape(0))
    assert valid.all()


def test_one_bit_and_transparency(tmp_path):
    mask, _ = BinaryMaskReader().read(save(tmp_path / "a.png", shape(0)))
    np.testing.assert_array_equal(mask, shape(0))
    grey = shape(0)[:, :, None].astype(np.uint8) * 255
    mask, _ = BinaryMaskReader().read(save(tmp_path / "b.png", np.concatenate([grey] * 3 + [grey // 2 + 9], 2)))
    np.testing.assert_array_equal(mask, shape(0))


def test_a_jpeg_asks_for_a_threshold(tmp_path):
    path = save(tmp_path / "a.jpg", shape(0).astype(np.uint8) * 255, quality=60)
    with pytest.raises(UnexpectedMaskValuesError, match=r"a\.jpg .*data\.source\.threshold=127"):
        BinaryMaskReader().read(path)
    np.testing.assert_array_equal(BinaryMaskReader(127).read(path)[0], shape(0))


def test_ignored_greys_do_not_count(tmp_path):
    greys = shape(0).astype(np.uint8) * 255
    greys[:2] = 128
    mask, valid = BinaryMaskReader(ignore=[128]).read(save(tmp_path / "a.png", greys))
    np.testing.assert_array_equal(valid, greys != 128)
    np.testing.assert_array_equal(mask, greys == 255)


def test_numbers_are_classes(tmp_path):
    numbers = classes(0)
    numbers[0] = 255
    mask, valid = PaletteMaskReader({"b": 0, "lower": 2, "upper": 1}, [255]).read(save(tmp_path / "a.png", numbers))
    np.testing.assert_array_equal(mask, np.select([numbers == 2, numbers == 1], [1, 2]))
    np.testing.assert_array_equal(valid, numbers != 255)


def test_colours_are_classes_and_greys_are_colours(tmp_path):
    colours = COLOURS[classes(0)]
    colours[0] = 255
    reader = PaletteMaskReader({"background": 0, "upper": RED, "lower": BLUE}, [255])
    mask, valid = reader.read(save(tmp_path / "a.png", colours))
    np.testing.assert_array_equal(mask, np.where(valid, classes(0), 0))
    np.testing.assert_array_equal(valid, (colours != 255).any(2))


def test_the_numbers_or_the_colours_of_a_files_own_palette(tmp_path):
    path = tmp_path / "a.png"
    make_palette_file(path, classes(0), [(0, 0, 0), tuple(RED), tuple(BLUE)])
    for reader in (
        PaletteMaskReader({"b": 0, "u": 1, "l": 2}),
        PaletteMaskReader({"b": [0, 0, 0], "u": RED, "l": BLUE}),
    ):
        np.testing.assert_array_equal(reader.read(path)[0], classes(0))


def test_deep_numbers(tmp_path):
    deep = classes(0).astype(np.uint16) * 1000
    mask, _ = PaletteMaskReader({"b": 0, "u": 1000, "l": 2000}).read(save(tmp_path / "a.png", deep))
    np.testing.assert_array_equal(mask, classes(0))


def test_a_value_that_is_no_class(tmp_path):
    path = save(tmp_path / "a.png", classes(0))
    with pytest.raises(
        UnexpectedMaskValuesError, match=r"a\.png has the values 2 \(12\.50%\), expected b 0, u 1, ignored 255; add '"
    ):
        PaletteMaskReader({"b": 0, "u": 1}, [255]).read(path)
    path = save(tmp_path / "c.png", COLOURS[classes(0)])
    with pytest.raises(UnexpectedMaskValuesError, match=r"values \(0, 0, 255\) \(12\.50%\), .*u \(255, 0, 0\)"):
        PaletteMaskReader({"b": 0, "u": RED}).read(path)
    with pytest.raises(UnexpectedMaskValuesError, match=r"\(0, 0, 0\) .*, \(0, 0, 255\) .*, \(255, 0, 0\)"):
        PaletteMaskReader({"b": 0, "u": 1}).read(path)


def test_palettes_that_make_no_sense():
    for palette, ignore, words in [
        ({"road": 1}, [], "less than two classes"),
        ({"b": 0, "road": [0, 0, 0]}, [], "two classes one value"),
        ({"b": 0, "road": 1}, [1], "two classes one value"),
    ]:
        with pytest.raises(ConfigError, match=words):
            PaletteMaskReader(palette, ignore)
    with pytest.raises(ConfigError, match="names a colour"):
        BinaryMaskReader(ignore=[RED])
