import numpy as np
import pytest

from gequnet.config.build import build
from gequnet.config.compose import compose, resolve
from gequnet.data.datasets.camvid import NAMES, CamVid
from gequnet.data.errors import (
    DatasetNotFoundError,
    MissingMaskError,
    SizeMismatchError,
    UnexpectedMaskValuesError,
)
from helpers.picture_makers import photograph, save
from helpers.scene_makers import FRAMES, camvid_numbers, make_camvid


def test_a_scene_is_what_the_files_hold(tmp_path):
    make_camvid(tmp_path)
    source = CamVid(tmp_path)
    source.check()
    scene, numbers = source.load("train/0001TP_000004"), camvid_numbers(4)
    np.testing.assert_array_equal(scene.image.permute(1, 2, 0), photograph(4))
    np.testing.assert_array_equal(scene.valid, numbers != 11)
    np.testing.assert_array_equal(scene.mask, np.where(numbers == 11, 0, numbers + 1))


def test_the_split_is_that_of_the_folders(tmp_path):
    make_camvid(tmp_path)
    for split, count in FRAMES.items():
        assert CamVid(tmp_path).ids(split) == [f"{split}/0001TP_{number:06d}" for number in range(count)]


def test_the_configuration_names_all_classes_after_void(tmp_path):
    make_camvid(tmp_path)
    data = resolve(compose(["data=camvid", f"paths.data={tmp_path}", "paths.run=here"])).data
    assert list(data.class_names) == ["void", *NAMES]
    assert data.num_classes == 12
    module = build(data)
    module.setup()
    for batch in module.val_dataloader():
        assert (batch["mask"][batch["valid"]] > 0).all()  # no valid pixel is void


def test_what_is_wrong_is_named(tmp_path):
    with pytest.raises(DatasetNotFoundError, match="trainannot"):
        CamVid(tmp_path).ids("train")
    folder = make_camvid(tmp_path)
    path = folder / "testannot" / "0001TP_000002.png"
    save(path, np.full((20, 26), 31, np.uint8))
    with pytest.raises(UnexpectedMaskValuesError, match="the version with eleven classes"):
        CamVid(tmp_path).load("test/0001TP_000002")
    save(path, camvid_numbers(2)[1:])
    with pytest.raises(SizeMismatchError, match="test/0001TP_000002"):
        CamVid(tmp_path).check()
    path.unlink()
    with pytest.raises(MissingMaskError, match="test/0001TP_000002"):
        CamVid(tmp_path).check()
