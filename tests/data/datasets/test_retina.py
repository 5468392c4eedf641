import logging
import shutil
from itertools import combinations

import pytest
import torch

from gequnet.data.datasets.chase import Chase
from gequnet.data.datasets.drive import Drive
from gequnet.data.datasets.hrf import Hrf
from gequnet.data.datasets.prime_fp20 import PrimeFp20
from gequnet.data.datasets.retina import Retina
from gequnet.data.datasets.stare import Stare
from gequnet.data.errors import DatasetNotFoundError, MissingMaskError
from gequnet.data.source import SPLITS
from helpers.fundus_makers import make_chase, make_drive, make_hrf, make_prime_fp20, make_stare

MAKERS = {Drive: make_drive, Stare: make_stare, Chase: make_chase, Hrf: make_hrf, PrimeFp20: make_prime_fp20}


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    root = tmp_path_factory.mktemp("retina")
    for make in MAKERS.values():
        make(root)
    return root


def test_every_image_of_every_dataset_is_in_the_split_that_it_has_there(everything):
    pool = Retina(everything)
    pool.check()
    for split in SPLITS:
        expected = {f"{make.name}/{own}" for make in MAKERS for own in make(everything).ids(split)}
        assert len(pool.ids(split)) == len(expected)
        assert set(pool.ids(split)) == expected
    for one, other in combinations(SPLITS, 2):
        assert not set(pool.ids(one)) & set(pool.ids(other))


def test_a_scene_is_that_of_its_dataset(everything):
    pool = Retina(everything)
    for make in MAKERS:
        source = make(everything)
        own = source.ids("test")[0]
        scene, expected = pool.load(f"{make.name}/{own}"), source.load(own)
        assert scene.id == f"{make.name}/{own}"
        for part in ("image", "mask", "valid"):
            assert torch.equal(getattr(scene, part), getattr(expected, part))
        assert (scene.second is None) == (expected.second is None)
        assert scene.second is None or torch.equal(scene.second, expected.second)
        assert pool.facts(scene.id) == {"dataset": make.name}


def test_datasets_take_turns(everything):
    first = [sample_id.split("/")[0] for sample_id in Retina(everything).ids("test")[:5]]
    assert first == ["drive", "stare", "chase", "hrf", "prime_fp20"]


def test_what_is_absent_is_left_out_and_named(tmp_path, caplog):
    make_stare(tmp_path)
    make_chase(tmp_path, 10)
    pool = Retina(tmp_path)
    with caplog.at_level(logging.INFO):
        pool.check()
    assert "stare, chase without drive, hrf, prime_fp20" in caplog.text
    assert {i.split("/")[0] for split in SPLITS for i in pool.ids(split)} == {"stare", "chase"}
    assert pool.labels_differ() == [f"chase/{i}" for i in Chase(tmp_path).splits.labels]


def test_none_at_all_names_all_five(tmp_path):
    pool = Retina(tmp_path)
    assert len(pool.ids("train")) == 16 + 10 + 16 + 12 + 7
    with pytest.raises(DatasetNotFoundError, match="DRIVE, STARE, CHASEDB1, HRF or PRIME-FP20"):
        pool.check()


def test_one_that_is_incomplete_is_not_left_out(everything, tmp_path):
    root = tmp_path / "copy"
    shutil.copytree(everything, root)
    (root / "HRF" / "manual1" / "01_dr.tif").unlink()
    with pytest.raises(MissingMaskError, match="hrf: image 01_dr"):
        Retina(root).check()


def test_real_images(real_data):
    pool = Retina(real_data)
    pool.check()
    assert pool.labels_differ() == []
    assert pool.ids("test") == [f"chase/{own}" for own in Chase(real_data).ids("test")]
