"""Download of datasets: a folder is complete or absent, with failing servers, bad archives and killed processes."""

import hashlib
import signal
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from gequnet.data.__main__ import main
from gequnet.data.download.catalogue import CATALOGUE, DECATHLON, CatalogueEntry, RemoteFile, catalogue_entry
from gequnet.data.download.download import AlreadyThereError, ArchiveArgumentError, ByHandError, download, unpack
from gequnet.data.download.extract import ArchiveError
from gequnet.data.download.http import ChecksumError, DownloadError
from gequnet.errors import ConfigError
from helpers.fundus_makers import make_chase, make_stare
from helpers.volume_makers import make_msd
from helpers.web_server import Served, serving


@pytest.fixture
def served(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving() as served:
        yield served


def packed(folder: Path, to: Path, top: str = "") -> bytes:
    """Zip or tar of a folder, with its files below ``top``."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    names = [f"{top}{path.relative_to(folder).as_posix()}" for path in files]
    if to.suffix == ".zip":
        with zipfile.ZipFile(to, "w") as archive:
            for path, name in zip(files, names, strict=True):
                archive.write(path, name)
    else:
        with tarfile.open(to, "w") as tar:
            for path, name in zip(files, names, strict=True):
                tar.add(path, name)
    return to.read_bytes()


def at(served: Served, entry: CatalogueEntry) -> CatalogueEntry:
    """Catalogue entry with addresses on the test server and the digests of its files."""

    def moved(remote: RemoteFile) -> RemoteFile:
        content = served.files.get(f"/{remote.name}", b"")
        return replace(
            remote, url=f"{served.address}/{remote.name}", digest=f"sha256:{hashlib.sha256(content).hexdigest()}"
        )

    return replace(entry, files=tuple(map(moved, entry.files)))


@pytest.fixture
def stare(served, tmp_path) -> CatalogueEntry:
    """Catalogue entry of STARE with three tars like the real ones."""
    made = make_stare(tmp_path / "made")
    for part in ("stare-images", "labels-ah", "labels-vk"):
        served.files[f"/{part}.tar"] = packed(made / part, tmp_path / f"{part}.tar", "./")
    return at(served, CATALOGUE["stare"])


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir()) if root.is_dir() else []


def get(entry: CatalogueEntry, root: Path, name: str = "stare") -> Path:
    return download(name, entry, root, pause=lambda seconds: None)


def test_stare_comes_from_three_archives(stare, served, tmp_path):
    served.cuts = [100, 2000]
    folder = get(stare, tmp_path / "data")
    assert names(tmp_path / "data") == ["STARE"]
    assert names(folder) == ["labels-ah", "labels-vk", "stare-images"]
    for path in (tmp_path / "made" / "STARE").rglob("*.gz"):
        assert (folder / path.relative_to(tmp_path / "made" / "STARE")).read_bytes() == path.read_bytes()


def test_a_second_call_goes_on_with_the_first(stare, served, tmp_path):
    whole = served.files.pop("/labels-vk.tar")
    with pytest.raises(DownloadError, match="404"):
        get(stare, tmp_path / "data")
    assert names(tmp_path / "data") == [".downloads"]
    served.files["/labels-vk.tar"] = whole
    served.asked.clear()
    get(stare, tmp_path / "data")
    assert [path for path, _ in served.asked] == ["/labels-vk.tar"]
    assert names(tmp_path / "data") == ["STARE"]


def test_an_archive_that_means_no_good_leaves_nothing(stare, served, tmp_path):
    bad = tmp_path / "bad.tar"
    with tarfile.open(bad, "w") as tar:
        tar.add(tmp_path / "stare-images.tar", "../../outside")
    served.files["/labels-vk.tar"] = bad.read_bytes()
    with pytest.raises(ArchiveError, match="leads out"):
        get(at(served, stare), tmp_path / "data")
    assert names(tmp_path / "data") == [".downloads"]
    assert names(tmp_path / "data" / ".downloads") == []
    assert not (tmp_path / "outside").exists()


def test_another_file_than_expected(stare, served, tmp_path):
    served.files["/labels-ah.tar"] += b"!"
    with pytest.raises(ChecksumError, match="labels-ah.tar"):
        get(stare, tmp_path / "data")
    assert names(tmp_path / "data" / ".downloads") == ["stare-images.tar"]


KILLED = """
import os, pathlib, signal, sys
from gequnet.data.download import download
from gequnet.data.download.catalogue import CatalogueEntry, RemoteFile
os.rename = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
remote = RemoteFile("", "some.zip")
entry = CatalogueEntry("", "", "", "", "Some", (remote,))
download.unpack("some", entry, *map(pathlib.Path, sys.argv[1:]))
"""


def test_a_program_that_is_killed_leaves_no_folder_that_looks_complete(tmp_path):
    make_chase(tmp_path / "made")
    packed(tmp_path / "made" / "CHASEDB1", tmp_path / "some.zip")
    data = tmp_path / "data"
    arguments = [sys.executable, "-c", KILLED, str(data), str(tmp_path / "some.zip")]
    assert subprocess.run(arguments, check=False).returncode == -signal.SIGKILL
    assert names(data) == [".Some.unfinished"]
    assert len(names(data / ".Some.unfinished")) == 84
    (data / ".Some.unfinished" / "of another time").touch()
    entry = CatalogueEntry("", "", "", "", "Some", (RemoteFile("", "some.zip"),))
    folder = unpack("some", entry, data, tmp_path / "some.zip")
    assert names(data) == ["Some"]
    assert names(folder) == names(tmp_path / "made" / "CHASEDB1")


def test_a_zip_that_stays_packed(served, tmp_path):
    served.files["/stage1_train.zip"] = b"PK whatever"
    folder = get(at(served, CATALOGUE["dsb2018"]), tmp_path / "data", "dsb2018")
    assert (folder / "stage1_train.zip").read_bytes() == b"PK whatever"
    assert names(tmp_path / "data") == ["DSB2018"]


def test_a_folder_that_is_there_is_not_touched(stare, served, tmp_path):
    (tmp_path / "data" / "STARE").mkdir(parents=True)
    (tmp_path / "data" / "STARE" / "mine.txt").touch()
    with pytest.raises(AlreadyThereError, match=r"verify stare"):
        get(stare, tmp_path / "data")
    assert names(tmp_path / "data" / "STARE") == ["mine.txt"]
    assert not served.asked


@pytest.mark.parametrize("name", [name for name, entry in CATALOGUE.items() if entry.by_hand])
def test_what_a_person_has_to_fetch(tmp_path, name):
    """No server is contacted; the error names the steps and the layout."""
    with pytest.raises(ByHandError) as caught:
        get(CATALOGUE[name], tmp_path, name)
    assert CATALOGUE[name].home in str(caught.value)
    assert CATALOGUE[name].layout in str(caught.value)
    assert not names(tmp_path)


def test_an_archive_that_was_fetched_by_hand(tmp_path):
    make_chase(tmp_path / "made")
    archive = tmp_path / "CHASEDB1.zip"
    packed(tmp_path / "made" / "CHASEDB1", archive)
    with pytest.raises(ChecksumError, match="md5:d9e47c4bac125b29996fae4380a68db1"):
        unpack("chase", CATALOGUE["chase"], tmp_path / "data", archive)
    assert archive.is_file()
    known = replace(CATALOGUE["chase"].files[0], digest="")
    folder = unpack("chase", replace(CATALOGUE["chase"], files=(known,)), tmp_path / "data", archive)
    assert len(names(folder)) == 84
    assert archive.is_file()


def test_archives_by_hand_that_are_of_no_use(tmp_path):
    with pytest.raises(ArchiveArgumentError, match="which is no file"):
        unpack("chase", CATALOGUE["chase"], tmp_path, tmp_path / "not_there.zip")
    with pytest.raises(ArchiveArgumentError, match="unpack it yourself"):
        unpack("drive", CATALOGUE["drive"], tmp_path, tmp_path / "drive.zip")


def test_the_table():
    """Every dataset has a licence and a citation, and every download https or a digest."""
    every = [*CATALOGUE.values(), *(catalogue_entry("msd", task) for task in DECATHLON)]
    for entry in every:
        assert entry.licence
        assert entry.cite
        assert entry.layout
        assert bool(entry.files) or entry.by_hand
        for remote in entry.files:
            assert remote.url.startswith("https://") or remote.digest
            algorithm, _, digits = remote.digest.partition(":")
            assert len(digits) == {"sha256": 64, "md5": 32, "": 0}[algorithm]


@pytest.mark.parametrize("asked", [("stair",), ("msd", "Task9_Spleen")])
def test_names_that_are_not_in_the_table(asked):
    with pytest.raises(ConfigError, match="the nearest"):
        catalogue_entry(*asked)


def test_the_command_fetches_and_verifies(served, tmp_path, monkeypatch, capsys):
    made = make_msd(tmp_path / "made")
    served.files["/Task04_Hippocampus.tar"] = packed(made, tmp_path / "task.tar", "Task04_Hippocampus/")
    here = at(served, catalogue_entry("msd"))
    monkeypatch.setattr("gequnet.data.__main__.catalogue_entry", lambda name, task: here)
    assert main(["download", "msd", "--root", str(tmp_path / "data")]) == 0
    said = capsys.readouterr().out
    assert "CC BY-SA 4.0" in said
    assert "Antonelli" in said
    assert said.index("licence") < said.index(served.address) < said.index("msd is partial")
    assert names(tmp_path / "data") == ["Task04_Hippocampus"]
    assert main(["download", "msd", "--root", str(tmp_path / "data")]) == 2
    assert "was not changed" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["drive", "chase", "brats"])
def test_the_command_accepts_no_terms(tmp_path, capsys, name):
    assert main(["download", name, "--root", str(tmp_path)]) == 2
    printed = capsys.readouterr()
    assert CATALOGUE[name].licence in printed.out
    assert CATALOGUE[name].by_hand in printed.err
    assert not names(tmp_path)


def test_there_is_nothing_to_download_for_phantoms(tmp_path, capsys):
    assert main(["download", "phantom_vessels", "--root", str(tmp_path)]) == 2
    assert "nothing to download" in capsys.readouterr().err


def test_the_command_lists(capsys):
    assert main(["list"]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in [*CATALOGUE, "msd"])
