import re
from collections import Counter

import numpy as np
import pytest
from PIL import Image, ImageOps

from gequnet.config.build import build
from gequnet.config.compose import compose, resolve
from gequnet.data.datasets.folder import PairedFolder
from gequnet.data.errors import (
    AmbiguousNameError,
    DatasetNotFoundError,
    NoImagesError,
    SizeMismatchError,
    UnpairedImageError,
)
from gequnet.data.formats import mask_values, pictures
from gequnet.data.formats.pictures import open_raster
from gequnet.data.source import SPLITS
from gequnet.errors import ConfigError
from helpers.picture_makers import classes, make_folder, photograph, save, shape


def folder(root, **options):
    return PairedFolder(root / "images", root / "masks", **options)


def configured(root, *typed):
    return resolve(compose(["data=folder", f"paths.data={root}", "paths.run=here", *typed])).data


@pytest.mark.parametrize("image", ["png", "jpg", "tif"])
@pytest.mark.parametrize("suffix", ["", "_mask"])
def test_a_scene_is_what_the_files_hold(tmp_path, image, suffix):
    source = folder(make_folder(tmp_path, image=image, mask_suffix=suffix), mask_suffix=suffix)
    source.check()
    scene = source.load("house_03")
    assert np.abs(scene.image.permute(1, 2, 0).numpy().astype(int) - photograph(3)).max() <= (image == "jpg") * 80
    np.testing.assert_array_equal(scene.mask, shape(3))
    assert scene.valid.all()


def test_images_and_masks_in_one_folder(tmp_path):
    for number in range(4):
        save(tmp_path / f"{number}.png", photograph(number))
        save(tmp_path / f"{number}_mask.png", shape(number))
    (tmp_path / "notes.txt").write_text("no picture")
    source = PairedFolder(tmp_path, tmp_path, mask_suffix="_mask", folds=3)
    source.check()
    assert sorted(i for split in SPLITS for i in source.ids(split)) == ["0", "1", "2", "3"]
    with pytest.raises(ConfigError, match="are both"):
        PairedFolder(tmp_path, tmp_path)


def test_every_image_is_tested_once_and_groups_stay_together(tmp_path):
    make_folder(tmp_path, 12)
    by_last = [folder(tmp_path, fold=fold, folds=4, groups=r"\d$") for fold in range(4)]
    assert sorted(i for source in by_last for i in source.ids("test")) == [f"house_{n:02d}" for n in range(12)]
    for first, second in (("house_00", "house_10"), ("house_01", "house_11")):
        assert sum({first, second} <= set(source.ids("test")) for source in by_last) == 1
        assert by_last[0].facts(first) == by_last[0].facts(second) == {"group": first[-1]}
    assert folder(tmp_path).facts("house_00") == {}


def test_another_seed_deals_anew(tmp_path):
    make_folder(tmp_path, 12)
    assert folder(tmp_path).folding() == folder(tmp_path, fold=3).folding() != folder(tmp_path, fold_seed=1).folding()


def test_images_without_masks_are_for_pictures(tmp_path):
    make_folder(tmp_path)
    save(tmp_path / "more" / "unknown.png", photograph(30))
    source = folder(tmp_path, unlabelled=tmp_path / "more")
    source.check()
    [(name, image)] = source.unlabelled_images()
    assert name == "unknown"
    np.testing.assert_array_equal(image.permute(1, 2, 0), photograph(30))
    assert list(folder(tmp_path).unlabelled_images()) == []
    with pytest.raises(DatasetNotFoundError, match=r"data\.source\.unlabelled"):
        folder(tmp_path, unlabelled=tmp_path / "none").check()


def test_what_is_wrong_is_named(tmp_path):
    with pytest.raises(
        DatasetNotFoundError, match=re.escape(f"{tmp_path / 'images'}, the value of data.source.images")
    ):
        folder(tmp_path).check()
    make_folder(tmp_path)
    path = tmp_path / "masks" / "house_04.png"
    save(path, shape(0)[1:])
    with pytest.raises(SizeMismatchError, match=r"house_04: the mask has 19x26 pixels and the image 20x26"):
        folder(tmp_path).check()
    path.unlink()
    with pytest.raises(UnpairedImageError, match=r"house_04\.png has no mask, expected .*masks.house_04 with"):
        folder(tmp_path).check()
    save(tmp_path / "masks" / "house_04.png", shape(4))
    save(tmp_path / "images" / "house_05.jpg", photograph(5))
    with pytest.raises(AmbiguousNameError, match=r"house_05\.jpg and house_05\.png have the same name"):
        folder(tmp_path).check()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"in_channels": 0}, "no number of channels"),
        ({"threshold": 127, "palette": {"a": 0, "b": 1}}, "leave one of the two out"),
        ({"fold": None}, "no split of its own"),
        ({"groups": "^(x)"}, "finds nothing in the name house_00"),
    ],
)
def test_options_that_do_not_fit(tmp_path, options, words):
    make_folder(tmp_path)
    with pytest.raises(ConfigError, match=words):
        folder(tmp_path, **options).ids("train")


def test_a_typed_configuration_of_one_class(tmp_path):
    make_folder(tmp_path, mask="jpg")
    data = configured(tmp_path, "data.source.threshold=127", "data.class_names=[roof]")
    assert (data.num_classes, data.head) == (1, "sigmoid")
    build(data).setup()


def test_a_typed_configuration_of_several_classes(tmp_path):
    make_folder(tmp_path)
    for number in range(10):
        save(tmp_path / "masks" / f"house_{number:02d}.png", classes(number) * 100)
    palette = "data.source.palette={background:0,upper:100,lower:[200,200,200]}"
    data = configured(tmp_path, palette, "data.source.ignore=255")
    assert list(data.class_names) == ["background", "upper", "lower"]
    assert (data.num_classes, data.head) == (3, "softmax")
    module = build(data)
    module.setup()
    assert module.source.load("house_01").mask.unique().tolist() == [0, 1, 2]


def test_grey_images(tmp_path):
    make_folder(tmp_path)
    module = build(configured(tmp_path, "data.in_channels=1"))
    module.setup()
    assert module.source.load("house_00").image.shape == (1, 20, 26)


def test_pixels_without_data_are_not_valid(tmp_path):
    make_folder(tmp_path, image="tif")
    values = photograph(3)
    values[:4] = 9
    save(tmp_path / "images" / "house_03.tif", values)
    scene = folder(tmp_path, nodata=9).load("house_03")
    np.testing.assert_array_equal(scene.valid, (values != 9).any(2))
    assert folder(tmp_path).load("house_03").valid.all()


def test_the_check_opens_each_file_once(tmp_path, monkeypatch):
    make_folder(tmp_path, 2)
    opened = Counter()

    def counted(path, *rest):
        opened[path.relative_to(tmp_path).as_posix()] += 1
        return open_raster(path, *rest)

    for module in (pictures, mask_values):
        monkeypatch.setattr(module, "open_raster", counted)
    source = folder(tmp_path)
    source.check()
    files = [*source.image_files.values(), *source.mask_files.values()]
    assert opened == {path.relative_to(tmp_path).as_posix(): 1 for path in files}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("grid", ["raw", "upright", "tagged"])
def test_a_mask_of_a_turned_photograph_lies_on_its_grid_or_that_is_said(tmp_path, orientation, grid, caplog):
    """A mask of the size of the photograph may be on either grid where the orientation keeps the size."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    raw = photograph(0)
    path = save(tmp_path / "images" / "a.jpg", raw, exif=exif)
    upright = ImageOps.exif_transpose(Image.open(path)).size[::-1]
    mask = np.zeros(upright if grid == "upright" else raw.shape[:2], np.uint8)
    save(tmp_path / "masks" / "a.png", mask, **({"exif": exif} if grid == "tagged" else {}))
    if grid == "raw" and orientation > 4:
        with pytest.raises(SizeMismatchError, match=f"EXIF orientation {orientation} of the image turns it and not"):
            folder(tmp_path).check()
    else:
        folder(tmp_path).check()
    doubtful = grid != "tagged" and 1 < orientation <= 4
    assert (f"is turned by its EXIF orientation {orientation} and its mask has none" in caplog.text) == doubtful


@pytest.mark.parametrize("ending", [".npy", ".nii.gz", ".dcm"])
def test_files_of_another_kind_are_named_by_their_ending(tmp_path, ending):
    make_folder(tmp_path, 2)
    for path in (tmp_path / "images").iterdir():
        path.rename(path.with_suffix(ending))
    with pytest.raises(NoImagesError, match=re.escape(f"images (its files end in {ending})")):
        folder(tmp_path).check()
