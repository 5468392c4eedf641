"""Preprocessing of any image, compared with the tensors of the datasets."""

from pathlib import Path

import numpy as np
import pytest
import torch

from gequnet.config.build import build
from gequnet.config.compose import compose, resolve
from gequnet.data.formats.nifti import read_nifti
from gequnet.data.formats.pictures import read_grey, read_image
from gequnet.data.preprocessing import Preprocessing, preprocessing_of
from gequnet.errors import ConfigError
from helpers.fundus_makers import make_chase
from helpers.membrane_makers import make_isbi2012
from helpers.picture_makers import make_cats
from helpers.volume_makers import HIPPOCAMPUS, make_brats, make_msd, write


def volume(source, sample_id):
    read = [read_nifti(path) for path in source.files(sample_id).images]
    upright = [geometry.upright(values.astype(np.float32)) for values, geometry in read]
    return torch.from_numpy(np.stack(upright)), read[0][1].voxel_mm


def of_chase(root):
    make_chase(root)
    return lambda source, sample_id: (read_image(source.files(sample_id).image), None)


def of_cats(root):
    make_cats(root)
    return lambda source, sample_id: (read_image(source.image_file(sample_id)), None)


def of_slices(root):
    make_isbi2012(root)
    return lambda source, sample_id: (read_grey(root / "ISBI2012/train-volume.tif", int(sample_id[-2:]) - 1), None)


def of_hippocampi(root):
    make_msd(root, HIPPOCAMPUS)
    return volume


def of_torn_hippocampi(root):
    make_msd(root, HIPPOCAMPUS)
    for path in sorted((root / "Task04_Hippocampus/imagesTr").glob("*.nii.gz")):
        values, _ = read_nifti(path)
        torn = np.asarray(values, np.float32).copy()
        torn[0], torn[1, :2], torn[-1] = -9999, np.nan, np.inf
        write(path, torn, np.diag([1.0, 1, 1, 1]))
    return volume


def of_brains(root):
    make_brats(root, [f"BraTS2021_{number:05d}" for number in range(12)])
    return volume


DATASETS = {
    "chase": (of_chase, []),
    "chase, one scale for all": (of_chase, ["data.normalisation=full"]),
    "cats": (of_cats, []),
    "isbi2012": (of_slices, []),
    "msd": (of_hippocampi, []),
    "msd, on other voxels": (of_hippocampi, ["data.source.spacing=1.5", "data.source.cubic=true"]),
    "msd, cropped": (of_hippocampi, ["data.source.crop=true"]),
    "msd, torn": (of_torn_hippocampi, ["data.source.nodata=-9999"]),
    "msd, torn and cropped": (of_torn_hippocampi, ["data.source.nodata=[-9999,-1]", "data.source.crop=true"]),
    "msd, torn, on other voxels": (of_torn_hippocampi, ["data.source.nodata=-9999", "data.source.spacing=1.5"]),
    "brats": (of_brains, []),
}


@pytest.mark.parametrize("case", DATASETS)
def test_a_file_is_made_ready_as_its_dataset_makes_it(case: str, tmp_path: Path) -> None:
    make, overrides = DATASETS[case]
    read = make(tmp_path)
    paths = [f"paths.{name}={tmp_path}" for name in ("data", "cache", "run")]
    cfg = resolve(compose([f"data={case.split(',')[0]}", *paths, *overrides]))
    data = build(cfg.data)
    preprocessing = preprocessing_of(cfg.data, data.fixed_scale)
    for number, sample in enumerate(data.test_dataloader()):
        image, spacing = read(data.source, sample["id"][0])
        prepared = preprocessing(image, spacing)
        torch.testing.assert_close(prepared.image, sample["image"][0], atol=1e-5, rtol=1e-5)
        classes = np.random.default_rng(0).random((2, *prepared.image.shape[1:]), np.float32)
        restored = prepared.restore(classes / classes.sum(0), "softmax")
        assert restored.shape == (2, *image.shape[1:])
        np.testing.assert_allclose(restored.sum(0), 1, atol=1e-5)
        if number == 2:
            break


def test_what_was_cut_off_is_background() -> None:
    image = torch.zeros(1, 6, 6, 6)
    image[:, 2:4, 1:5, 3:] = 7
    prepared = Preprocessing("none", crop=True)(image, (1.0, 1.0, 1.0))
    assert prepared.image.shape == (1, 2, 4, 3)
    inside = np.full((2, 2, 4, 3), 0.5, np.float32)
    restored = prepared.restore(inside, "softmax")
    assert (restored[:, 2:4, 1:5, 3:] == 0.5).all()
    assert restored[0].sum() == 6**3 - 0.5 * 24
    assert prepared.restore(inside[:1], "sigmoid").sum() == 0.5 * 24


def test_voxels_that_are_no_numbers_do_not_count() -> None:
    image = torch.arange(64.0).view(1, 4, 4, 4)
    image[0, 0] = torch.nan
    prepared = Preprocessing("instance")(image)
    assert prepared.image.isfinite().all()
    assert abs(float(prepared.image[:, 1:].mean())) < 1e-5


def test_one_scale_for_all_has_to_be_known() -> None:
    with pytest.raises(ConfigError, match="scale.json"):
        Preprocessing("full")


def test_voxels_of_unknown_size_cannot_be_resampled() -> None:
    with pytest.raises(ConfigError, match="1.5 x 1.5 x 3 mm"):
        Preprocessing("instance", spacing=[1.5, 1.5, 3.0])(torch.zeros(1, 4, 4, 4))


def test_windows_are_enough_where_nothing_has_to_be_seen_whole() -> None:
    assert not Preprocessing("instance").needs_whole_image
    assert all(Preprocessing("instance", **{name: value}).needs_whole_image for name, value in
               {"side": 8, "spacing": [1.0] * 3, "crop": True, "fov": True}.items())  # fmt: skip
