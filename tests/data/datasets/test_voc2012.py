import numpy as np
import pytest

from gequnet.config.build import build
from gequnet.config.compose import compose, resolve
from gequnet.data.datasets.voc2012 import NAMES, Voc2012, validation_half
from gequnet.data.errors import (
    DatasetNotFoundError,
    MissingImageError,
    MissingMaskError,
    SizeMismatchError,
    UnexpectedMaskValuesError,
)
from gequnet.data.source import SPLITS
from gequnet.errors import ConfigError
from helpers.picture_makers import save
from helpers.scene_makers import VOC_COLOURS, YEARS, make_voc2012, voc_numbers


@pytest.mark.parametrize("top", ["VOCdevkit/VOC2012", "VOC2012", "."])
def test_a_scene_is_what_the_files_hold(tmp_path, top):
    make_voc2012(tmp_path, top)
    for classes in ("foreground", "all"):
        source = Voc2012(tmp_path, classes)
        source.check()
        scene, numbers = source.load(YEARS[7]), voc_numbers(7)
        np.testing.assert_array_equal(scene.valid, numbers != 255)
        expected = np.where(numbers == 255, 0, numbers)
        np.testing.assert_array_equal(scene.mask, expected if classes == "all" else expected > 0)
        assert scene.mask.max() == (8 if classes == "all" else 1)


def test_the_target_is_the_object_and_not_the_border_around_it(tmp_path):
    make_voc2012(tmp_path)
    scene = Voc2012(tmp_path).load(YEARS[3])
    void = voc_numbers(3) == 255
    assert void.any()
    assert not scene.mask.numpy()[void].any()
    assert not scene.valid.numpy()[void].any()


def test_the_official_validation_is_halved(tmp_path):
    make_voc2012(tmp_path)
    ids = {split: Voc2012(tmp_path).ids(split) for split in SPLITS}
    assert ids["train"] == YEARS[:8]
    assert sorted(ids["val"] + ids["test"]) == YEARS[8:]
    assert min(len(ids["val"]), len(ids["test"])) >= 4
    halves = [validation_half(f"2008_{number:06d}") for number in range(10000)]
    assert halves.count("val") / 10000 == pytest.approx(0.5, abs=0.02)


def test_photographs_of_one_size(tmp_path):
    make_voc2012(tmp_path)
    scene = Voc2012(tmp_path, "all", side=10).load(YEARS[7])
    assert tuple(scene.image.shape) == (3, 10, 10)
    assert set(scene.mask.unique().tolist()) == {0, 8}


@pytest.mark.parametrize(
    ("classes", "names", "head"), [("foreground", ["object"], "sigmoid"), ("all", list(NAMES), "softmax")]
)
def test_typed_configurations(tmp_path, classes, names, head):
    make_voc2012(tmp_path)
    typed = ["data=voc2012", f"data.source.classes={classes}", f"paths.data={tmp_path}", "paths.run=here"]
    data = resolve(compose(typed)).data
    assert (list(data.class_names), data.num_classes, data.head) == (names, len(names), head)
    build(data).setup()


def test_classes_that_are_neither():
    with pytest.raises(ConfigError, match="the nearest is data.source.classes=all"):
        Voc2012("nowhere", "al")
    with pytest.raises(ConfigError, match="al is none of foreground, all"):
        resolve(compose(["data=voc2012", "data.source.classes=al", "paths.run=here"]))


def test_what_is_wrong_is_named(tmp_path):
    with pytest.raises(DatasetNotFoundError, match="VOCdevkit/VOC2012"):
        Voc2012(tmp_path).ids("train")
    folder = make_voc2012(tmp_path)
    path = folder / "SegmentationClass" / f"{YEARS[9]}.png"
    save(path, np.array(VOC_COLOURS, np.uint8)[voc_numbers(9)])
    with pytest.raises(UnexpectedMaskValuesError, match="class numbers and not colours"):
        Voc2012(tmp_path).load(YEARS[9])
    save(path, voc_numbers(9)[1:])
    with pytest.raises(SizeMismatchError, match=YEARS[9]):
        Voc2012(tmp_path).check()
    path.unlink()
    with pytest.raises(MissingMaskError, match=YEARS[9]):
        Voc2012(tmp_path).check()
    (folder / "JPEGImages" / f"{YEARS[0]}.jpg").unlink()
    with pytest.raises(MissingImageError, match=YEARS[0]):
        Voc2012(tmp_path).check()
