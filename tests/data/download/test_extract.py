"""Extraction of archives: malicious ones are refused before any file is written."""

import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from gequnet.data.download import extract as module
from gequnet.data.download.extract import ArchiveError, DiskSpaceError, UnpackLimits, extract

BAD_NAMES = ["../out.txt", "a/../../out.txt", "/tmp/out.txt", "C:/out.txt", "..\\out.txt", "\\\\host\\out.txt"]


def make_zip(path: Path, *members: tuple[str | zipfile.ZipInfo, bytes], how: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def make_tar(path: Path, *members: tuple[str | tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as archive:
        for member, content in members:
            info = tarfile.TarInfo(member) if isinstance(member, str) else member
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def link(kind: bytes, to: str = "../outside") -> tarfile.TarInfo:
    info = tarfile.TarInfo("link")
    info.type, info.linkname = kind, to
    return info


def zipped_link() -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def refused(archive: Path, match: str, **more: object) -> None:
    """Check the error, and that no file is written in the folder or beside it."""
    before = sorted(archive.parent.rglob("*"))
    with pytest.raises(ArchiveError, match=match):
        extract(archive, archive.parent / "in" / "side", **more)
    assert sorted(archive.parent.rglob("*")) == before


@pytest.mark.parametrize("make", [make_zip, make_tar])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_files_come_out_as_they_went_in(tmp_path, make, suffix):
    archive = make(tmp_path / f"some{suffix}", ("a/b.txt", b"words"), ("./c.txt", b""), ("a/d.txt", b"x" * 3_000_000))
    extract(archive, tmp_path / "out")
    assert (tmp_path / "out" / "a" / "b.txt").read_bytes() == b"words"
    assert (tmp_path / "out" / "c.txt").read_bytes() == b""
    assert (tmp_path / "out" / "a" / "d.txt").stat().st_size == 3_000_000


def test_a_part_of_an_archive(tmp_path):
    archive = make_zip(tmp_path / "a.zip", ("repo-1/CamVid/train/1.png", b"1"), ("repo-1/CamVid2/x", b"2"))
    extract(archive, tmp_path / "out", below="repo-1/CamVid")
    assert [path.name for path in (tmp_path / "out").rglob("*")] == ["train", "1.png"]
    refused(archive, "holds no repo-2", below="repo-2")


@pytest.mark.parametrize("make", [make_zip, make_tar])
@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_that_lead_out(tmp_path, make, name):
    refused(make(tmp_path / "bad", ("good.txt", b"good"), (name, b"bad")), "leads out of the folder")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar(tmp_path, kind):
    refused(make_tar(tmp_path / "bad.tar", ("good.txt", b"good"), (link(kind), b"")), "link is a link or a device")


def test_a_file_through_a_link(tmp_path):
    bad = make_tar(tmp_path / "bad.tar", (link(tarfile.SYMTYPE, str(tmp_path)), b""), ("link/out.txt", b"bad"))
    refused(bad, "link is a link")


def test_a_link_in_a_zip(tmp_path):
    refused(make_zip(tmp_path / "bad.zip", (zipped_link(), b"/etc/passwd")), "link is a link")


@pytest.mark.parametrize("names", [("a.txt", "a.txt"), ("a.txt", "A.txt"), ("a", "a/b")])
def test_two_that_would_be_one(tmp_path, names):
    refused(make_tar(tmp_path / "bad.tar", *((name, b"") for name in names)), "twice|is also a file")


def test_a_bomb(tmp_path):
    bomb = make_zip(tmp_path / "bomb.zip", ("zeros", bytes(80_000_000)))
    refused(bomb, "would become 80 MB")
    refused(bomb, "1 files of 0.1 GB", limits=UnpackLimits(total=70_000_000))
    refused(
        make_tar(tmp_path / "many.tar", *((str(n), b"") for n in range(9))), "9 files", limits=UnpackLimits(members=8)
    )


def test_an_encrypted_zip(tmp_path):
    archive = make_zip(tmp_path / "secret.zip", ("a.txt", b"words"))
    content = bytearray(archive.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1  # encryption flag in the central directory
    archive.write_bytes(content)
    refused(archive, "a.txt is encrypted")


@pytest.mark.parametrize("name", ["cut.zip", "cut.tar", "cut.tar.gz"])
def test_archives_that_are_cut_off(tmp_path, name):
    make = make_zip if name.endswith("zip") else make_tar
    whole = make(tmp_path / name, ("a.txt", bytes(range(256)) * 4000)).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ArchiveError, match=r"damaged|no zip and no tar"):
        extract(tmp_path / name, tmp_path / "out")


def test_a_member_that_is_damaged(tmp_path):
    archive = make_zip(tmp_path / "bad.zip", ("a.txt", b"words" * 100), how=zipfile.ZIP_STORED)
    archive.write_bytes(archive.read_bytes().replace(b"wordswords", b"wordsworms", 1))
    with pytest.raises(ArchiveError, match="CRC"):
        extract(archive, tmp_path / "out")


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html>\n<html>", b"Rar!\x1a\x07\x00"])
def test_what_is_no_archive(tmp_path, content):
    (tmp_path / "page.zip").write_bytes(content)
    refused(tmp_path / "page.zip", "no zip and no tar")


def test_no_file_that_is_there_is_overwritten(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.txt").write_text("mine")
    with pytest.raises(ArchiveError):
        extract(make_zip(tmp_path / "a.zip", ("a.txt", b"yours")), tmp_path / "out")
    assert (tmp_path / "out" / "a.txt").read_text() == "mine"


def test_a_disk_that_is_full(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "RESERVE", 1 << 60)
    with pytest.raises(DiskSpaceError, match="0 MB free"):
        extract(make_zip(tmp_path / "a.zip", ("a.txt", b"words")), tmp_path / "out")
    assert not (tmp_path / "out").exists()
