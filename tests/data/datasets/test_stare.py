import numpy as np
import pytest

from gequnet.data.datasets.stare import Stare
from gequnet.data.errors import DatasetNotFoundError
from gequnet.data.source import SPLITS
from helpers.fundus_makers import disc, make_stare, photograph, vessels


@pytest.mark.parametrize("packed", [True, False])
def test_a_scene_is_what_the_files_hold_packed_or_not(tmp_path, packed):
    make_stare(tmp_path, packed)
    source = Stare(tmp_path)
    source.check()
    scene = source.load("im0077")
    np.testing.assert_array_equal(scene.image, photograph(77).transpose(2, 0, 1))
    np.testing.assert_array_equal(scene.mask, vessels(77))
    np.testing.assert_array_equal(scene.second, vessels(78))
    assert (scene.valid.numpy() ^ disc()).sum() < 0.1 * disc().sum()


def test_split_holds_the_twenty_traced_images():
    source = Stare("nowhere")
    assert [len(source.ids(split)) for split in SPLITS] == [10, 2, 8]
    assert len({i for split in SPLITS for i in source.ids(split)}) == 20


def test_unknown_labels_are_not_called_different(tmp_path):
    make_stare(tmp_path)
    source = Stare(tmp_path)
    source.check()
    assert source.labels_differ() == []


def test_no_folder_says_the_layout(tmp_path):
    with pytest.raises(DatasetNotFoundError, match=r"labels-ah/im0001\.ah\.ppm"):
        Stare(tmp_path).check()
