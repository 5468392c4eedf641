import nibabel
import numpy as np
import pytest

from gequnet.data.datasets.brats import Brats
from gequnet.data.errors import DatasetNotFoundError, MissingMaskError, MissingModalityError, UnexpectedMaskValuesError
from gequnet.data.source import SPLITS
from helpers.volume_makers import MODALITIES, brain, make_brats

NEW = [f"BraTS2021_{number:05d}" for number in range(12)]
OLD = [f"BraTS20_Training_{number:03d}" for number in range(1, 13)]


@pytest.mark.parametrize(
    ("folder", "ids", "suffix"),
    [
        ("BraTS2021", NEW, ".nii.gz"),
        ("BraTS2020_TrainingData/MICCAI_BraTS2020_TrainingData", OLD, ".nii"),
        ("", NEW, ".nii.gz"),
    ],
)
def test_a_scene_is_what_the_files_hold(tmp_path, folder, ids, suffix):
    make_brats(tmp_path / folder, ids, suffix)
    source = Brats(tmp_path, crop=False)
    source.check()
    assert sorted(i for split in SPLITS for i in source.ids(split)) == ids
    images, labels = brain(2)
    scene = source.load(ids[2])
    for channel, modality in zip(scene.image, MODALITIES, strict=True):
        np.testing.assert_array_equal(channel, images[modality][::-1, ::-1])  # left and back become right and front
    for region, parts in zip(scene.mask, [(1, 2, 4), (1, 4), (4,)], strict=True):
        np.testing.assert_array_equal(region, np.isin(labels, parts)[::-1, ::-1])


def test_the_crop_is_the_brain_and_labels_go_back_to_their_voxels(tmp_path):
    make_brats(tmp_path, NEW[:1])
    source = Brats(tmp_path)
    scene = source.load(NEW[0])
    assert scene.space == (5, 7, 6)
    assert scene.geometry.box == ((2, 7), (3, 10), (1, 7))
    np.testing.assert_array_equal(scene.geometry.restore(source.labels_of(scene.mask.numpy())), brain(0)[1])


@pytest.mark.parametrize("modality", MODALITIES)
def test_a_missing_modality_is_named(tmp_path, modality):
    make_brats(tmp_path, NEW[:2])
    (tmp_path / NEW[1] / f"{NEW[1]}_{modality}.nii.gz").unlink()
    source = Brats(tmp_path)
    with pytest.raises(
        MissingModalityError, match=f"{NEW[1]} has no {modality}, expected .*{NEW[1]}_{modality}.nii.gz"
    ):
        source.check()


def test_labels_under_the_name_that_they_had_before(tmp_path):
    make_brats(tmp_path, OLD[:1], ".nii")
    seg = tmp_path / OLD[0] / f"{OLD[0]}_seg.nii"
    seg.rename(seg.with_name("W39_1998.09.19_Segm.nii"))
    source = Brats(tmp_path)
    source.check()
    assert source.load(OLD[0]).mask.any()
    seg.with_name("W39_1998.09.19_Segm.nii").unlink()
    with pytest.raises(MissingMaskError, match=f"{OLD[0]}_seg"):
        source.check()


def test_labels_of_another_convention_are_refused(tmp_path):
    make_brats(tmp_path, NEW[:1])
    path = tmp_path / NEW[0] / f"{NEW[0]}_seg.nii.gz"
    labels = nibabel.load(path)
    nibabel.save(
        nibabel.Nifti1Image(np.where(labels.dataobj == np.uint8(4), 3, labels.dataobj).astype(np.uint8), labels.affine),
        path,
    )
    with pytest.raises(UnexpectedMaskValuesError, match="0, 1, 2, 3, expected 0, 1, 2 and 4"):
        Brats(tmp_path).load(NEW[0])


def test_nothing_there_is_said(tmp_path):
    with pytest.raises(DatasetNotFoundError, match="BraTS was not found: looked in"):
        Brats(tmp_path).ids("train")


@pytest.mark.slow
def test_the_real_subject(real_data):
    source = Brats(real_data)
    source.check()
    scene = source.load("BraTS2021_00006")
    assert scene.image.shape == (4, 134, 177, 136)
    whole, core, enhancing = scene.mask.bool()
    assert not (core & ~whole).any()
    assert not (enhancing & ~core).any()
    assert 0.01 < whole.sum() / (240 * 240 * 155) < 0.02
    seg = nibabel.load(source.files("BraTS2021_00006").mask)
    np.testing.assert_array_equal(scene.geometry.restore(source.labels_of(scene.mask.numpy())), seg.dataobj)
