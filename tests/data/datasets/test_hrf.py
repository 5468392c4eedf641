import numpy as np
import pytest

from gequnet.data.datasets.hrf import Hrf
from gequnet.data.errors import DatasetNotFoundError
from gequnet.data.source import SPLITS
from helpers.fundus_makers import disc, make_hrf, vessels


@pytest.mark.parametrize("sample_id", ["01_dr", "15_g", "08_h"])  # .JPG, .jpg, .jpg
def test_a_scene_is_what_the_files_hold(tmp_path, sample_id):
    make_hrf(tmp_path)
    source = Hrf(tmp_path)
    source.check()
    scene = source.load(sample_id)
    np.testing.assert_array_equal(scene.mask, vessels(int(sample_id[:2])))
    np.testing.assert_array_equal(scene.valid, disc())
    assert scene.second is None


def test_every_split_has_the_three_kinds_alike():
    source = Hrf("nowhere")
    for split, each in zip(SPLITS, (4, 1, 10), strict=True):
        kinds = [sample_id.split("_")[1] for sample_id in source.ids(split)]
        assert {kind: kinds.count(kind) for kind in set(kinds)} == {"h": each, "dr": each, "g": each}


def test_no_folder_says_the_layout(tmp_path):
    with pytest.raises(DatasetNotFoundError, match=r"manual1/01_dr\.tif"):
        Hrf(tmp_path).check()
