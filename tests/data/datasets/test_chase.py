import numpy as np
import pytest
import torch
from PIL import Image

from gequnet.data.datasets.chase import Chase
from gequnet.data.errors import DatasetNotFoundError
from gequnet.data.source import SPLITS
from helpers.fundus_makers import disc, make_chase, vessels


def children(ids):
    return {sample_id[:2] for sample_id in ids}


@pytest.mark.parametrize(("count", "sizes"), [(14, (16, 4, 8)), (10, (12, 2, 6))])
def test_split_is_by_child_and_fits_the_copy(tmp_path, count, sizes):
    make_chase(tmp_path, count)
    source = Chase(tmp_path)
    source.check()
    train, val, test = (source.ids(split) for split in SPLITS)
    assert (len(train), len(val), len(test)) == sizes
    assert not children(train) & children(val)
    assert not children(train + val) & children(test)
    assert len(set(train + val + test)) == 2 * count


def test_without_files_the_ids_are_those_of_all_28(tmp_path):
    source = Chase(tmp_path)
    assert sum(len(source.ids(split)) for split in SPLITS) == 28
    with pytest.raises(DatasetNotFoundError, match="Image_01L_1stHO.png"):
        source.check()


def test_a_scene_is_what_the_files_hold(tmp_path):
    make_chase(tmp_path, 10)
    scene = Chase(tmp_path).load("03R")
    np.testing.assert_array_equal(scene.mask, vessels(5))
    np.testing.assert_array_equal(scene.second, vessels(6))
    assert (scene.valid.numpy() ^ disc()).sum() < 0.1 * disc().sum()  # estimated, from a JPEG of 44 pixels


def test_real_images(real_data):
    source = Chase(real_data)
    source.check()
    assert source.labels_differ() == []
    scene = source.load("01L")
    assert scene.image.shape == (3, 960, 999)
    truth = np.asarray(Image.open(real_data / "CHASEDB1" / "Image_01L_1stHO.png"))
    np.testing.assert_array_equal(scene.mask, truth)


@pytest.mark.parametrize("sample_id", ["01L", "02R", "06L", "08L", "08R"])
def test_estimated_field_of_view_of_real_images_is_a_disc_with_the_vessels_in_it(real_data, sample_id):
    scene = Chase(real_data).load(sample_id)
    rows, columns = scene.valid.nonzero(as_tuple=True)
    sides = [int(axis.max() - axis.min()) + 1 for axis in (rows, columns)]
    assert abs(sides[0] - sides[1]) < 12
    assert int(scene.valid.sum()) == pytest.approx(torch.pi / 4 * sides[0] * sides[1], rel=0.01)
    assert int((scene.mask.bool() & ~scene.valid).sum()) < 0.01 * int(scene.mask.sum())
