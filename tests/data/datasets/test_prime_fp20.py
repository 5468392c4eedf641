import numpy as np
import pytest

from gequnet.data.datasets.prime_fp20 import PrimeFp20
from gequnet.data.errors import DatasetNotFoundError
from gequnet.data.source import SPLITS
from helpers.fundus_makers import disc, make_prime_fp20, photograph, vessels


@pytest.mark.parametrize("inside", [".", "PRIME-FP20_DataPort"])  # name of the unpacked archive's folder
def test_a_scene_is_what_the_files_hold(tmp_path, inside):
    make_prime_fp20(tmp_path / inside)
    source = PrimeFp20(tmp_path)
    source.check()
    for split in SPLITS:
        for sample_id in source.ids(split):
            scene = source.load(sample_id)
            np.testing.assert_array_equal(scene.image.permute(1, 2, 0), photograph(int(sample_id)))
            np.testing.assert_array_equal(scene.mask, vessels(int(sample_id)))
            np.testing.assert_array_equal(scene.valid, disc())
            assert scene.second is None


def test_made_labels_are_not_the_published_ones(tmp_path):
    make_prime_fp20(tmp_path)
    source = PrimeFp20(tmp_path)
    source.check()
    assert source.labels_differ() == ["10", "11", "12"]


def test_no_folder_says_the_layout(tmp_path):
    with pytest.raises(DatasetNotFoundError, match="Images,Labels,Masks"):
        PrimeFp20(tmp_path).check()
