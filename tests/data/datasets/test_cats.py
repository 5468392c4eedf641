import numpy as np
import pytest
from PIL import Image

from gequnet.data.datasets.cats import IDS, Cats
from gequnet.data.errors import DatasetNotFoundError, MissingImageError, MissingMaskError, SizeMismatchError
from gequnet.data.source import SPLITS
from gequnet.data.splits import read_splits
from helpers.picture_makers import cat_size, make_cats, save


def test_a_scene_is_what_the_files_hold(tmp_path):
    folder = make_cats(tmp_path)
    source = Cats(tmp_path, side=None)
    source.check()
    for number, part in ((7, "Train"), (61, "Test")):
        scene = source.load(IDS[number])
        assert tuple(scene.space) == cat_size(number)
        with Image.open(folder / part / "input" / f"cat.{number}.jpg") as picture:
            np.testing.assert_array_equal(scene.image.permute(1, 2, 0), np.asarray(picture))
        expected = np.zeros(cat_size(number), bool)
        expected[5:12, 3 + number % 4 : 15] = True
        np.testing.assert_array_equal(scene.mask, expected)


def test_scenes_are_of_one_size(tmp_path):
    make_cats(tmp_path)
    source = Cats(tmp_path, side=16)
    for number in (0, 1, 60):
        scene = source.load(IDS[number])
        assert tuple(scene.image.shape) == (3, 16, 16)
        covered = source.load(IDS[number]).mask.float().mean()
        height, width = cat_size(number)
        assert covered == pytest.approx(7 * (12 - number % 4) / (height * width), abs=0.05)


def test_the_split_of_its_own():
    source = Cats("nowhere")
    assert [len(source.ids(split)) for split in SPLITS] == [48, 9, 24]
    assert sorted(i for split in SPLITS for i in source.ids(split)) == IDS
    assert set(read_splits("cats").labels) == set(IDS)


def test_every_photograph_is_tested_once():
    tested = [Cats("nowhere", fold=fold).ids("test") for fold in range(5)]
    assert sorted(i for ids in tested for i in ids) == IDS
    assert sorted(map(len, tested)) == [16, 16, 16, 16, 17]


def test_made_files_are_not_those_that_are_known(tmp_path):
    make_cats(tmp_path)
    source = Cats(tmp_path)
    source.check()
    assert sorted(source.labels_differ()) == IDS


def test_what_is_wrong_is_named(tmp_path):
    with pytest.raises(DatasetNotFoundError, match="cat_data"):
        Cats(tmp_path).check()
    folder = make_cats(tmp_path)
    save(folder / "Test" / "mask" / "mask_cat.70.jpg", np.zeros((9, 9), np.uint8))
    with pytest.raises(SizeMismatchError, match="cat_70: the mask has 9x9"):
        Cats(tmp_path).check()
    (folder / "Test" / "mask" / "mask_cat.70.jpg").unlink()
    with pytest.raises(MissingMaskError, match=r"mask_cat\.70\.jpg"):
        Cats(tmp_path).check()
    (folder / "Train" / "input" / "cat.3.jpg").unlink()
    with pytest.raises(MissingImageError, match=r"cat\.3\.jpg"):
        Cats(tmp_path).check()


def test_real_files(real_data):
    source = Cats(real_data)
    source.check()
    assert source.labels_differ() == []
    scenes = [source.load(sample_id) for sample_id in IDS]
    assert {tuple(scene.image.shape) for scene in scenes} == {(3, 128, 128)}
    assert np.mean([scene.mask.float().mean() for scene in scenes]) == pytest.approx(0.42, abs=0.01)


def test_no_two_real_photographs_are_nearly_the_same(real_data):
    """Near duplicates would have to be in one split."""
    source = Cats(real_data, side=32)
    greys = np.stack([source.load(sample_id).image.float().mean(0).numpy() for sample_id in IDS])
    unit = [(each - each.mean()) / np.linalg.norm(each - each.mean()) for each in greys]
    for others in (np.stack(unit), np.stack(unit)[:, :, ::-1]):
        alike = np.einsum("ihw,jhw->ij", np.stack(unit), others)
        assert alike[~np.eye(81, dtype=bool)].max() < 0.8
