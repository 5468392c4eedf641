import json
import pickle
import zipfile
from itertools import permutations

import numpy as np
import pytest
import torch
from PIL import Image

from gequnet.data.datasets.dsb2018 import Dsb2018, label_map, microscopy_kind
from gequnet.data.errors import (
    DatasetNotFoundError,
    MissingImageError,
    MissingMaskError,
    SizeMismatchError,
    UnreadableFileError,
)
from gequnet.data.source import SPLITS
from gequnet.data.splits import read_splits
from helpers.nuclei_makers import SUBSET, make_dsb2018, micrograph, nuclei, png


@pytest.mark.parametrize(("packed", "top"), [(True, "stage1_train/"), (True, ""), (False, "")])
@pytest.mark.parametrize("number", [2, 3])
def test_a_scene_is_what_the_files_hold_zipped_or_not(tmp_path, packed, top, number):
    folder = make_dsb2018(tmp_path, packed=packed, top=top)
    source = Dsb2018(tmp_path)
    source.check()
    scene = source.load(SUBSET[number])
    np.testing.assert_array_equal(scene.image.permute(1, 2, 0), micrograph(number)[:, :, :3])
    np.testing.assert_array_equal(scene.mask, np.any(nuclei(number), 0))
    expected = np.zeros(scene.space, int)
    for n, nucleus in enumerate(nuclei(number)):  # instances are in the order of their first pixels
        expected[nucleus] = n + 1
    np.testing.assert_array_equal(scene.instances, expected)
    assert scene.valid.all()
    assert source.facts(SUBSET[number]) == {"kind": ["fluorescence", "histology"][number % 2]}
    assert {path.name for path in folder.iterdir()} == {"stage1_train.zip" if packed else "stage1_train"}


def test_numbers_of_nuclei_do_not_depend_on_the_order_of_the_files():
    masks = [mask.astype(np.uint8) for mask in nuclei(0)]
    maps = {label_map(order).tobytes() for order in permutations(masks)}
    assert len(maps) == 1
    assert label_map([np.zeros((2, 2), np.uint8)]).max() == 0


def test_kinds():
    def grey(level):
        return torch.full((3, 4, 4), level, dtype=torch.uint8)

    tinted = grey(200)
    tinted[1] -= 20
    assert [microscopy_kind(image) for image in (grey(20), grey(210), tinted)] == [
        "fluorescence",
        "brightfield",
        "histology",
    ]


def test_the_split_fits_the_copy(tmp_path):
    assert Dsb2018("nowhere").splits.name == "dsb2018"
    make_dsb2018(tmp_path / "part")
    assert Dsb2018(tmp_path / "part").splits.name == "dsb2018_subset"
    other = sorted(read_splits("dsb2018").everything - set(SUBSET))[:1]
    make_dsb2018(tmp_path / "more", [*SUBSET, *other])
    source = Dsb2018(tmp_path / "more")
    assert source.splits.name == "dsb2018"
    with pytest.raises(MissingImageError, match="complete the download"):
        source.check()


def test_the_subset_is_split_as_in_the_whole():
    whole, subset = read_splits("dsb2018"), read_splits("dsb2018_subset")
    assert [len(whole.everything), len(subset.everything)] == [664, 167]
    for split in SPLITS:
        assert set(subset.ids[split]) == set(whole.ids[split]) & subset.everything
        assert len(whole.ids[split]) == pytest.approx({"train": 0.6, "val": 0.15, "test": 0.25}[split] * 664, rel=0.02)


def test_made_files_are_not_those_that_the_split_was_made_for(tmp_path):
    make_dsb2018(tmp_path)
    source = Dsb2018(tmp_path)
    source.check()
    assert set(source.labels_differ()) == set(SUBSET)


def test_a_copy_goes_to_other_processes(tmp_path):
    make_dsb2018(tmp_path)
    source = Dsb2018(tmp_path)
    image = source.load(SUBSET[0]).image
    torch.testing.assert_close(pickle.loads(pickle.dumps(source)).load(SUBSET[0]).image, image)


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(DatasetNotFoundError, match=r"stage1_train\.zip"):
        Dsb2018(tmp_path).check()
    folder = make_dsb2018(tmp_path, packed=False)
    for mask in (folder / "stage1_train" / SUBSET[0] / "masks").iterdir():
        mask.unlink()
    with pytest.raises(MissingMaskError, match=SUBSET[0]):
        Dsb2018(tmp_path).check()


@pytest.mark.parametrize("shape", [(16, 15), (13, 18)])
def test_sizes_that_differ(tmp_path, shape):
    folder = make_dsb2018(tmp_path, packed=False)
    wrong = png(np.full(shape, 255, np.uint8))
    masks = sorted((folder / "stage1_train" / SUBSET[0] / "masks").iterdir())
    for mask in masks if shape == (13, 18) else masks[:1]:  # all of them, or one
        mask.write_bytes(wrong)
    with pytest.raises(SizeMismatchError, match=f"{shape[0]}x{shape[1]}"):
        Dsb2018(tmp_path).load(SUBSET[0])


def test_a_damaged_zip(tmp_path):
    folder = make_dsb2018(tmp_path)
    packed = folder / "stage1_train.zip"
    content = packed.read_bytes()
    packed.write_bytes(content[: len(content) // 2])
    with pytest.raises(UnreadableFileError, match=r"stage1_train\.zip"):
        Dsb2018(tmp_path).check()
    middle = content.index(b"PNG", content.index(SUBSET[0].encode()))
    packed.write_bytes(content[:middle] + b"JPG" + content[middle + 3 :])
    with pytest.raises(UnreadableFileError, match=SUBSET[0]):
        Dsb2018(tmp_path).load(SUBSET[0])


def test_real_files(real_data):
    source = Dsb2018(real_data)
    source.check()
    assert source.splits.name == "dsb2018_subset"
    assert source.labels_differ() == []
    # The kinds computed from the pixels are the folders of the sorted copy.
    groups = json.loads((real_data / "DSB2018" / "groups.json").read_text())
    for group, ids in groups.items():
        assert {source.facts(sample_id)["kind"] for sample_id in ids} == {group.split("_")[0]}


def test_a_real_scene_holds_each_nucleus(real_data):
    with zipfile.ZipFile(real_data / "DSB2018" / "stage1_train.zip") as packed:
        ids = [
            "00ae65c1c6631ae6f2be1a449902976e6eb8483bf6b0740d00530220832c6d3e",
            "0a7d30b252359a10fd298b638b90cb9ada3acced4e0c0e5a3692013f432ee4e9",
        ]
        for sample_id in ids:
            names = [n for n in packed.namelist() if f"{sample_id}/masks/" in n and n.endswith(".png")]
            masks = [np.asarray(Image.open(packed.open(name))) > 0 for name in names]
            scene = Dsb2018(real_data).load(sample_id)
            np.testing.assert_array_equal(scene.mask, np.any(masks, 0))
            overlapping = (np.sum(masks, 0) > 1).sum()
            for mask in masks:
                assert np.bincount(scene.instances.numpy()[mask]).max() >= mask.sum() - overlapping
            assert scene.instances.max() == len(masks)


@pytest.mark.parametrize("space", [(256, 256), (256, 320)])
@pytest.mark.slow
def test_no_real_test_image_goes_on_in_one_that_is_not(real_data, space):
    source = Dsb2018(real_data)
    split_of = {sample_id: split for split in SPLITS for sample_id in source.ids(split)}
    with zipfile.ZipFile(real_data / "DSB2018" / "stage1_train.zip") as packed:
        names = [name for name in packed.namelist() if "/images/" in name and name.endswith(".png")]
        found = {name.split("/")[1]: np.asarray(Image.open(packed.open(name)).convert("RGB")).mean(2) for name in names}
    splits = np.array([split_of[sample_id] for sample_id, image in found.items() if image.shape == space])
    images = np.stack([image for image in found.values() if image.shape == space])
    across = np.moveaxis(images, 2, 1)
    goes_on = _goes_on(images[:, -2:][:, ::-1], images[:, :2]) | _goes_on(across[:, -2:][:, ::-1], across[:, :2])
    one, other = goes_on.nonzero()
    assert len(one) >= len(images) / 2  # tiles there are
    assert (splits[one] == splits[other]).all()


def _goes_on(ends, starts):
    """True if the outer of two lines [n, 2, length] continues in the outer line of another image."""
    steps = [np.abs(lines[:, 0] - lines[:, 1]).mean(1) for lines in (ends, starts)]
    step = (steps[0][:, None] + steps[1]) / 2
    apart = np.abs(ends[:, None, 0] - starts[None, :, 0]).mean(2)
    spread = [lines[:, 0] - lines[:, 0].mean(1, keepdims=True) for lines in (ends, starts)]
    unit = [lines / (np.linalg.norm(lines, axis=1, keepdims=True) + 1e-9) for lines in spread]
    return (apart < 1.3 * step) & (unit[0] @ unit[1].T > 0.95) & ~np.eye(len(ends), dtype=bool)
