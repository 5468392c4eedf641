"""Errors about wrong folders: one sentence for each case."""

from pathlib import Path

import numpy as np
import pytest

from gequnet.data import errors
from gequnet.data.datasets.drive import Drive
from gequnet.errors import GequnetError
from helpers.fundus_makers import make_drive, photograph, save, vessels


@pytest.fixture
def folder(tmp_path):
    return make_drive(tmp_path)


def complaint(folder):
    with pytest.raises(GequnetError) as caught:
        Drive(folder).check()
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    return caught.value


def test_image_without_a_mask(folder):
    (folder / "training" / "1st_manual" / "24_manual1.gif").unlink()
    error = complaint(folder)
    assert isinstance(error, errors.MissingMaskError)
    assert "24_training has no mask" in str(error)
    assert "24_manual1.gif" in str(error)


def test_image_without_a_field_of_view(folder):
    (folder / "test" / "mask" / "03_test_mask.gif").unlink()
    assert "has no field-of-view mask" in str(complaint(folder))


def test_missing_image(folder):
    (folder / "test" / "images" / "03_test.tif").unlink()
    assert isinstance(complaint(folder), errors.MissingImageError)


@pytest.mark.parametrize("part", ["1st_manual/24_manual1.gif", "mask/24_training_mask.gif"])
def test_sizes_that_differ(folder, part):
    save(folder / "training" / part, vessels(24, 50, 44))
    error = complaint(folder)
    assert isinstance(error, errors.SizeMismatchError)
    assert "50x44" in str(error)
    assert "52x44" in str(error)


@pytest.mark.parametrize("part", ["images/24_training.tif", "1st_manual/24_manual1.gif"])
def test_unreadable_file(folder, part):
    path = folder / "training" / part
    path.write_bytes(b"this is no picture")
    error = complaint(folder)
    assert isinstance(error, errors.UnreadableFileError)
    assert str(path) in str(error)


def test_truncated_image_is_named_when_it_is_loaded(folder):
    path = folder / "training" / "images" / "24_training.tif"
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(errors.UnreadableFileError, match=r"24_training\.tif"):
        Drive(folder).load("24_training")


@pytest.mark.parametrize("values", [(0, 128, 255), (0, 1, 2), (0, 128), (0, 1, 255)])
def test_unexpected_mask_values(folder, values):
    grey = np.resize(np.array(values, np.uint8), (52, 44))
    save(folder / "training" / "1st_manual" / "24_manual1.gif", grey)
    error = complaint(folder)
    assert isinstance(error, errors.UnexpectedMaskValuesError)
    assert all(f" {value} (" in str(error) for value in values)


def test_a_photograph_is_no_mask(folder):
    save(folder / "training" / "1st_manual" / "24_manual1.gif", photograph(24))
    assert "…" in str(complaint(folder))  # too many values to list


def test_long_lists_are_cut():
    assert "0, 1, 2, 3, 4, 5, …" in str(errors.UnexpectedMaskValuesError(Path("m"), list(range(256)), "x"))
