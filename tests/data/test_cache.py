import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from gequnet.data.cache import SceneFiles, key_of
from gequnet.data.datasets.brats import Brats
from gequnet.data.datasets.msd import Msd
from gequnet.data.errors import CacheError
from helpers.volume_makers import HIPPOCAMPUS, make_brats, make_msd

FIRST = HIPPOCAMPUS[0]


@pytest.fixture
def data(tmp_path):
    make_msd(tmp_path / "data", HIPPOCAMPUS[:2])
    return tmp_path / "data"


def same(one, other):
    parts = ("image", "mask", "valid")
    tensors = all(torch.equal(getattr(one, part), getattr(other, part)) for part in parts)
    return tensors and all(getattr(one, part) == getattr(other, part) for part in ("id", "spacing", "geometry"))


@pytest.mark.parametrize("settings", [{}, {"spacing": 0.8}, {"crop": True}])
def test_what_is_kept_is_what_was_made(tmp_path, data, settings):
    plain, kept = Msd(data, **settings), Msd(data, cache=tmp_path / "cache", **settings)
    assert all(same(kept.load(FIRST), plain.load(FIRST)) for _ in range(2))
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_regions_and_sixteen_bits_are_kept(tmp_path):
    make_brats(tmp_path, ["BraTS2021_00001"])
    kept = Brats(tmp_path, cache=tmp_path / "cache")
    scene = [kept.load("BraTS2021_00001") for _ in range(2)][1]
    assert scene.image.dtype == torch.int16
    assert same(scene, Brats(tmp_path).load("BraTS2021_00001"))


def test_it_is_made_once(tmp_path, data, monkeypatch):
    kept = Msd(data, cache=tmp_path / "cache")
    first = kept.load(FIRST)
    monkeypatch.setattr(Msd, "_make", lambda *_: pytest.fail("made again"))
    assert same(kept.load(FIRST), first)
    assert same(Msd(data, cache=str(tmp_path / "cache")).load(FIRST), first)


def test_other_content_or_other_settings_are_another_scene(tmp_path, data):
    files = Msd(data).files(FIRST)
    paths = [*files.images, files.mask]
    before = {key_of(paths, settings) for settings in ("a", "b")} | {key_of(paths[::-1], "a")}
    assert len(before) == 3
    assert key_of(paths, "a") in before
    files.mask.write_bytes(Msd(data).files(HIPPOCAMPUS[1]).images[0].read_bytes())
    assert key_of(paths, "a") not in before


def test_a_file_that_changed_is_read_anew(tmp_path, data):
    kept = Msd(data, cache=tmp_path / "cache")
    first = kept.load(FIRST)
    other = kept.files(HIPPOCAMPUS[1])
    kept.files(FIRST).images[0].write_bytes(other.images[0].read_bytes())
    assert not torch.equal(kept.load(FIRST).image, first.image)


def test_scenes_are_mapped_so_that_changing_one_changes_no_file(tmp_path, data):
    kept = Msd(data, cache=tmp_path / "cache")
    kept.load(FIRST).image.zero_()
    assert same(kept.load(FIRST), Msd(data).load(FIRST))
    assert same(pickle.loads(pickle.dumps(kept.load(FIRST))), Msd(data).load(FIRST))


def test_a_damaged_file_is_made_again(tmp_path, data, caplog):
    kept = Msd(data, cache=tmp_path / "cache")
    kept.load(FIRST)
    (path,) = (tmp_path / "cache").iterdir()
    for content in (b"", b"no scene", path.read_bytes()[:-100]):
        path.write_bytes(content)
        assert same(kept.load(FIRST), Msd(data).load(FIRST))
    assert caplog.text.count("is made again") == 3


def test_many_at_once_write_one_whole_file(tmp_path, data):
    cache = SceneFiles(tmp_path / "cache")
    scene, files = Msd(data).load(FIRST), list(Msd(data).files(FIRST).images)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: cache.scene(files, "same", lambda: scene), range(24)))
    assert all(same(each, scene) for each in found)
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_a_folder_that_cannot_be_written_is_named_with_the_remedy(tmp_path, data):
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(CacheError, match=r"cache.*paths\.cache="):
        Msd(data, cache=tmp_path / "cache").load(FIRST)
