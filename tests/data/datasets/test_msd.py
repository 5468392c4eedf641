import gzip
import json

import numpy as np
import pytest
import torch

from gequnet.config.compose import compose, resolve
from gequnet.data.datasets.msd import Msd, subject_of
from gequnet.data.errors import (
    DatasetNotFoundError,
    FactMismatchError,
    LabelNumbersError,
    MissingImageError,
    MissingMaskError,
    UnexpectedMaskValuesError,
    UnreadableFileError,
)
from gequnet.data.source import SPLITS
from gequnet.data.splits import read_splits
from gequnet.data.splits.by_hash import split_of
from helpers.volume_makers import HIPPOCAMPUS, make_msd, volume

CLASSES = ["background", "anterior", "posterior"]


def test_a_scene_is_what_the_files_hold(tmp_path):
    make_msd(tmp_path)
    source = Msd(tmp_path, class_names=CLASSES, in_channels=1)
    source.check()
    for number in (0, 5):
        scene = source.load(HIPPOCAMPUS[number])
        image, labels = volume(number)
        np.testing.assert_array_equal(scene.image[0], image)
        np.testing.assert_array_equal(scene.mask, labels)
        assert scene.spacing == (1.0, 1.0, 1.0)


def test_the_folder_may_be_given_itself_and_files_unpacked(tmp_path):
    folder = make_msd(tmp_path)
    path = folder / "imagesTr" / f"{HIPPOCAMPUS[0]}.nii.gz"
    path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
    path.unlink()
    Msd(folder).check()
    np.testing.assert_array_equal(Msd(folder).load(HIPPOCAMPUS[0]).image[0], volume(0)[0])


def test_every_listed_volume_is_in_one_split_and_subjects_stay_together(tmp_path):
    make_msd(tmp_path)
    ids = {split: Msd(tmp_path).ids(split) for split in SPLITS}
    assert sorted(i for each in ids.values() for i in each) == HIPPOCAMPUS
    assert all(ids.values())
    of = {i: split for split in SPLITS for i in ids[split]}
    for number in range(1, 41, 2):
        assert of[f"hippocampus_{number:03d}"] == of[f"hippocampus_{number + 1:03d}"]


def test_a_part_is_split_as_the_whole(tmp_path):
    make_msd(tmp_path / "whole")
    make_msd(tmp_path / "part", HIPPOCAMPUS[3:35])
    for split in SPLITS:
        part, whole = (set(Msd(tmp_path / name).ids(split)) for name in ("part", "whole"))
        assert part == whole & set(HIPPOCAMPUS[3:35])


def test_the_committed_split_is_what_the_rule_says():
    committed = read_splits("msd_hippocampus")
    assert len(committed.everything) == len(committed.labels) == 200
    for split in SPLITS:
        assert committed.ids[split] == sorted(i for i in committed.everything if split_of(subject_of(i)) == split)
        assert Msd("nowhere").ids(split) == committed.ids[split]
    shares = [len(committed.ids[split]) / 200 for split in SPLITS]
    assert shares == pytest.approx([0.7, 0.1, 0.2], abs=0.02)


def test_the_shares_are_those_of_many_names():
    splits = [split_of(f"subject {number}") for number in range(20000)]
    for split, share in zip(SPLITS, (0.7, 0.1, 0.2), strict=True):
        assert splits.count(split) / 20000 == pytest.approx(share, abs=0.01)


def test_the_facts_are_compared_with_the_dataset(tmp_path):
    make_msd(tmp_path)
    for wrong, words in [
        (
            {"class_names": CLASSES[:2]},
            r"class_names=\[background,anterior\] but dataset.json has \[background,anterior,",
        ),
        ({"class_names": ["background", "posterior", "anterior"]}, "class_names"),
        ({"in_channels": 2}, "in_channels=2 but dataset.json has 1"),
    ]:
        with pytest.raises(FactMismatchError, match=words):
            Msd(tmp_path, **wrong).check()


def test_names_of_classes_can_be_typed(tmp_path):
    make_msd(tmp_path, labels={"2": "Enhancing Tumour", "0": "background", "1": "non-enhancing"})
    Msd(tmp_path, class_names=["background", "non-enhancing", "enhancing_tumour"]).check()


def test_another_task_is_its_name_and_those_of_its_classes():
    typed = ["data=msd", "model=unet3d", "data.source.task=Task09_Spleen", "data.class_names=[a,spleen]"]
    cfg = resolve(compose([*typed, "paths.run=."]))
    assert cfg.data.num_classes == 2
    assert (cfg.data.source.task, cfg.data.source.class_names) == ("Task09_Spleen", ["a", "spleen"])


def test_what_is_missing_is_named(tmp_path):
    folder = make_msd(tmp_path)
    with pytest.raises(DatasetNotFoundError, match="Task09_Spleen/dataset.json"):
        Msd(tmp_path / "elsewhere", task="Task09_Spleen").ids("train")
    image = folder / "imagesTr" / "hippocampus_004.nii.gz"
    label = folder / "labelsTr" / "hippocampus_005.nii.gz"
    label.unlink()
    with pytest.raises(MissingMaskError, match="hippocampus_005"):
        Msd(tmp_path).check()
    image.unlink()
    with pytest.raises(MissingImageError, match="hippocampus_004"):
        Msd(tmp_path).check()


def test_labels_that_the_dataset_does_not_have_are_refused(tmp_path):
    make_msd(tmp_path, labels={"0": "background", "1": "Anterior"})
    with pytest.raises(UnexpectedMaskValuesError, match=r"2 \(6\.06%\), expected \[0, 1\]"):
        Msd(tmp_path).load(HIPPOCAMPUS[0])


@pytest.mark.parametrize(
    ("labels", "came"),
    [
        ({"0": "background", "2": "Posterior"}, "0, 2, expected 0 to 1"),
        ({"1": "Anterior", "2": "Posterior"}, "1, 2, expected 0 to 1"),
        ({"background": 0, "Anterior": 1, "Posterior": 2}, "background, Anterior, Posterior, expected 0 to 2"),
    ],
)
def test_labels_that_are_not_numbered_from_0_on_are_refused(tmp_path, labels, came):
    make_msd(tmp_path, labels=labels)
    with pytest.raises(LabelNumbersError, match=f"dataset.json declares the labels {came}, with a name for each"):
        Msd(tmp_path).ids("train")


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({"labels": {}, "modality": {}, "training": ["a"]})])
def test_a_description_that_is_none_is_named(tmp_path, text):
    (make_msd(tmp_path) / "dataset.json").write_text(text)
    with pytest.raises(UnreadableFileError, match="dataset.json cannot be read"):
        Msd(tmp_path).ids("train")


def test_made_labels_are_not_those_that_the_split_was_made_for(tmp_path):
    make_msd(tmp_path)
    source = Msd(tmp_path)
    source.check()
    assert source.labels_differ() == sorted(set(HIPPOCAMPUS) & read_splits("msd_hippocampus").everything)


def test_the_real_volumes(real_data, tmp_path):
    source = Msd(real_data, class_names=CLASSES, in_channels=1, cache=tmp_path)
    source.check()
    assert source.labels_differ() == []
    for sample_id in ("hippocampus_001", "hippocampus_394"):
        scene = source.load(sample_id)
        assert scene.spacing == (1.0, 1.0, 1.0)
        assert set(scene.mask.unique().tolist()) == {0, 1, 2}
        assert (scene.mask > 0).float().mean().item() == pytest.approx(0.05, abs=0.03)
        middle = torch.stack([(scene.mask == label).nonzero().float().mean(0) for label in (1, 2)])
        assert middle[0, 1] > middle[1, 1]  # upright, the anterior part is in front
