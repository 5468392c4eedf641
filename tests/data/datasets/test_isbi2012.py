import shutil

import numpy as np
import pytest
from PIL import Image

from gequnet.config.build import build
from gequnet.config.compose import compose, resolve
from gequnet.data.datasets.isbi2012 import IDS, Isbi2012
from gequnet.data.errors import (
    DatasetNotFoundError,
    MissingImageError,
    MissingMaskError,
    SizeMismatchError,
    UnexpectedMaskValuesError,
)
from gequnet.data.source import SPLITS
from helpers.membrane_makers import SLICES, labels, make_isbi2012, membranes, micrograph


@pytest.mark.parametrize("paged", [True, False])
def test_a_scene_is_what_the_files_hold(tmp_path, paged):
    make_isbi2012(tmp_path, paged)
    source = Isbi2012(tmp_path)
    source.check()
    for number in (0, 2, 10, 29):
        scene = source.load(IDS[number])
        np.testing.assert_array_equal(scene.image[0], micrograph(number))
        np.testing.assert_array_equal(scene.mask, membranes(number))  # black in the file, 1 here
        assert scene.valid.all()
        assert source.facts(IDS[number]) == {"slice": str(number + 1)}


def test_neighbours_are_not_on_both_sides():
    for fold in range(5):
        source = Isbi2012("nowhere", fold)
        places = {split: [IDS.index(i) for i in source.ids(split)] for split in SPLITS}
        assert np.diff(places["test"]).tolist() == np.diff(places["val"]).tolist() == [1] * 5
        assert min(abs(one - other) for one in places["train"] for other in places["test"]) > 1
        assert len(places["train"]) >= 17


def test_every_slice_is_tested_once():
    tested = [i for fold in range(5) for i in Isbi2012("nowhere", fold).ids("test")]
    assert sorted(tested) == IDS


def test_the_split_of_its_own():
    source = Isbi2012("nowhere", fold=None)
    assert [len(source.ids(split)) for split in SPLITS] == [18, 6, 6]
    assert [i for split in SPLITS for i in source.ids(split)] == IDS


def test_runs_of_all_folds_have_one_split_hash():
    def split_hash(fold):
        cfg = resolve(compose(["data=isbi2012", f"data.source.fold={fold}", "paths.data=nowhere", "paths.run=here"]))
        return build(cfg.data).split_hash

    assert split_hash(0) == split_hash(3) != split_hash("null")


def test_slices_of_the_test_volume_are_for_pictures(tmp_path):
    folder = make_isbi2012(tmp_path)
    assert list(Isbi2012(tmp_path).unlabelled_images()) == []
    shutil.copy(folder / "train-volume.tif", folder / "test-volume.tif")
    found = dict(Isbi2012(tmp_path).unlabelled_images())
    assert len(found) == SLICES
    np.testing.assert_array_equal(found["test_slice_03"][0], micrograph(2))
    assert list(Isbi2012(tmp_path / "nowhere").unlabelled_images()) == []


def test_made_files_are_not_those_that_are_known(tmp_path):
    make_isbi2012(tmp_path)
    source = Isbi2012(tmp_path)
    source.check()
    assert source.labels_differ() == IDS


def test_what_is_wrong_is_named(tmp_path):
    with pytest.raises(DatasetNotFoundError, match=r"train-volume\.tif"):
        Isbi2012(tmp_path).check()
    for part, error in (("images", MissingImageError), ("masks", MissingMaskError)):
        make_isbi2012(tmp_path / part, **{part: 28})
        with pytest.raises(error, match="slice_29"):
            Isbi2012(tmp_path / part).check()
    folder = make_isbi2012(tmp_path / "sizes", paged=False)
    Image.fromarray(labels(0)[1:]).save(folder / "train-labels" / "11.png")
    with pytest.raises(SizeMismatchError, match="slice_12"):
        Isbi2012(folder).check()
    Image.fromarray(micrograph(0)).save(folder / "train-labels" / "11.png")
    with pytest.raises(UnexpectedMaskValuesError, match=r"11\.png"):
        Isbi2012(folder).check()


def test_real_files(real_data):
    source = Isbi2012(real_data)
    source.check()
    assert source.labels_differ() == []
    scenes = [source.load(sample_id) for sample_id in IDS]
    assert {tuple(scene.image.shape) for scene in scenes} == {(1, 512, 512)}
    assert np.mean([scene.mask.float().mean() for scene in scenes]) == pytest.approx(0.22, abs=0.01)
    # Membranes are darker than cells in every slice.
    for scene in scenes:
        assert scene.image[0][scene.mask > 0].float().mean() < scene.image[0][scene.mask == 0].float().mean() - 20
