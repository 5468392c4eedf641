import logging

import numpy as np
import pytest
import torch

from gequnet.data.datasets.drive import Drive
from gequnet.data.errors import DatasetNotFoundError
from helpers.fundus_makers import disc, make_drive, photograph, vessels


def test_official_test_images_are_the_test():
    source = Drive("nowhere")  # ids need no files
    assert source.ids("test") == [f"{n:02d}_test" for n in range(1, 21)]
    assert (len(source.ids("train")), len(source.ids("val"))) == (16, 4)
    assert sorted(source.ids("train") + source.ids("val")) == [f"{n}_training" for n in range(21, 41)]


def test_a_scene_is_what_the_files_hold(tmp_path):
    make_drive(tmp_path)
    scene = Drive(tmp_path).load("07_test")
    np.testing.assert_array_equal(scene.image, photograph(7).transpose(2, 0, 1))
    np.testing.assert_array_equal(scene.mask, vessels(7))
    np.testing.assert_array_equal(scene.valid, disc())
    np.testing.assert_array_equal(scene.second, vessels(8))
    assert (scene.image.dtype, scene.mask.dtype, scene.valid.dtype) == (torch.uint8, torch.uint8, torch.bool)


def test_training_images_have_one_observer(tmp_path):
    make_drive(tmp_path)
    assert Drive(tmp_path).load("21_training").second is None


def test_root_may_be_the_dataset_itself(tmp_path):
    folder = make_drive(tmp_path)
    assert Drive(folder).folder == folder == Drive(tmp_path).folder


def test_no_folder_says_where_what_and_whence(tmp_path):
    with pytest.raises(DatasetNotFoundError) as caught:
        Drive(tmp_path).check()
    message = str(caught.value)
    assert str(tmp_path / "DRIVE") in message
    assert "training/{images,1st_manual,mask}" in message
    assert "https://drive.grand-challenge.org" in message
    assert "paths.data=" in message


def test_other_labels_than_the_split_was_made_for_are_named(tmp_path):
    make_drive(tmp_path)
    source = Drive(tmp_path)
    source.check()
    assert len(source.labels_differ()) == 40  # synthetic labels differ from those of DRIVE


def test_nearly_black_and_white_palettes_are_read(tmp_path):
    """The second observer's files of DRIVE hold the grey levels 3 and 253."""
    from helpers.fundus_makers import save

    folder = make_drive(tmp_path)
    save(folder / "test" / "2nd_manual" / "01_manual2.gif", np.where(vessels(5), 253, 3).astype(np.uint8))
    second = Drive(tmp_path).load("01_test").second
    np.testing.assert_array_equal(second, vessels(5))


def test_check_is_silent_about_complete_data(tmp_path, caplog):
    make_drive(tmp_path)
    with caplog.at_level(logging.WARNING):
        Drive(tmp_path).check()
    assert not caplog.records
