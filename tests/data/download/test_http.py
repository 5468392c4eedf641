"""Download over HTTP: interrupted transfers give the same bytes, and wrong files are refused."""

import hashlib
import random

import pytest

from gequnet.data.download import extract
from gequnet.data.download.http import ChecksumError, DownloadError, fetch
from helpers.web_server import serving

CONTENT = random.Random(0).randbytes(1_000_003)
SHA256 = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


@pytest.fixture
def served(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving() as served:
        served.files["/file.zip"] = CONTENT
        yield served


def get(served, path, digest=SHA256, **more):
    waits = []
    fetch(f"{served.address}/file.zip", path, digest, pause=waits.append, **more)
    return waits


def nothing_but(path, *names):
    assert sorted(file.name for file in path.parent.iterdir()) == sorted(names)


def test_the_same_bytes_and_how_far_it_is(served, tmp_path):
    told = []
    get(served, tmp_path / "new" / "file.zip", report=lambda *state: told.append(state))
    assert (tmp_path / "new" / "file.zip").read_bytes() == CONTENT
    assert told[0] == (0, len(CONTENT))
    assert told[-1] == (len(CONTENT), len(CONTENT))
    nothing_but(tmp_path / "new" / "file.zip", "file.zip")


def test_it_goes_on_where_it_was_cut_off(served, tmp_path):
    served.cuts = [300_000, 250_000]
    waits = get(served, tmp_path / "file.zip")
    assert (tmp_path / "file.zip").read_bytes() == CONTENT
    assert [wanted for _, wanted in served.asked] == [None, "bytes=300000-", "bytes=550000-"]
    assert waits == [1, 1]  # each attempt made progress


def test_a_later_program_goes_on_too(served, tmp_path):
    served.cuts = [300_000]
    with pytest.raises(DownloadError, match="the bytes so far are kept"):
        get(served, tmp_path / "file.zip", attempts=1)
    nothing_but(tmp_path / "file.zip", "file.zip.part", "file.zip.stamp")
    get(served, tmp_path / "file.zip")
    assert (tmp_path / "file.zip").read_bytes() == CONTENT
    assert served.asked[-1][1] == "bytes=300000-"
    nothing_but(tmp_path / "file.zip", "file.zip")


@pytest.mark.parametrize("change", [{"tag": '"2"'}, {"ranges": False}])
def test_it_begins_anew_where_parts_would_not_fit(served, tmp_path, change):
    """The file has changed, or the server sends no ranges."""
    served.files["/file.zip"] = bytes(len(CONTENT))
    served.cuts = [300_000]
    with pytest.raises(DownloadError):
        get(served, tmp_path / "file.zip", attempts=1)
    served.files["/file.zip"] = CONTENT
    for name, value in change.items():
        setattr(served, name, value)
    get(served, tmp_path / "file.zip")
    assert (tmp_path / "file.zip").read_bytes() == CONTENT


def test_without_a_mark_of_the_file_nothing_is_resumed(served, tmp_path):
    served.tag, served.cuts = "", [300_000]
    get(served, tmp_path / "file.zip")
    assert (tmp_path / "file.zip").read_bytes() == CONTENT
    assert [wanted for _, wanted in served.asked] == [None, None]


def test_a_server_that_sends_another_part(served, tmp_path):
    served.cuts, served.shift = [300_000], 7
    with pytest.raises(DownloadError, match="another range"):
        get(served, tmp_path / "file.zip", attempts=2)


def test_a_part_that_was_whole_already(served, tmp_path):
    (tmp_path / "file.zip.part").write_bytes(CONTENT)
    (tmp_path / "file.zip.stamp").write_text('"1"')
    get(served, tmp_path / "file.zip")
    assert (tmp_path / "file.zip").read_bytes() == CONTENT
    assert served.asked == [("/file.zip", f"bytes={len(CONTENT)}-")]


def test_a_part_that_is_too_long(served, tmp_path):
    (tmp_path / "file.zip.part").write_bytes(CONTENT + b"more")
    (tmp_path / "file.zip.stamp").write_text('"1"')
    get(served, tmp_path / "file.zip")
    assert (tmp_path / "file.zip").read_bytes() == CONTENT


def test_another_content_is_removed_and_refused(served, tmp_path):
    served.files["/file.zip"] = CONTENT[:-1] + b"!"
    with pytest.raises(ChecksumError, match="sha256:"):
        get(served, tmp_path / "file.zip")
    assert not list(tmp_path.iterdir())


def test_a_whole_file_is_not_fetched_twice(served, tmp_path):
    get(served, tmp_path / "file.zip")
    get(served, tmp_path / "file.zip")
    assert len(served.asked) == 1


def test_a_server_that_fails_for_a_while(served, tmp_path):
    served.failures = [500, 503, 429]
    assert get(served, tmp_path / "file.zip") == [1, 2, 4]
    assert (tmp_path / "file.zip").read_bytes() == CONTENT


def test_a_server_that_fails_for_good(served, tmp_path):
    served.failures = [500] * 9
    with pytest.raises(DownloadError, match="500 Internal Server Error"):
        get(served, tmp_path / "file.zip", attempts=3)
    assert len(served.asked) == 3


@pytest.mark.parametrize("status", [404, 403, 410])
def test_what_is_not_there_is_not_asked_for_again(served, tmp_path, status):
    served.failures = [status]
    with pytest.raises(DownloadError, match=rf"{status} .*address may have changed"):
        get(served, tmp_path / "file.zip")
    assert len(served.asked) == 1


def test_it_follows_to_another_address(served, tmp_path):
    served.moved["/file.zip"] = "/there.zip"
    served.files["/there.zip"] = CONTENT
    get(served, tmp_path / "file.zip")
    assert (tmp_path / "file.zip").read_bytes() == CONTENT


def test_addresses_that_lead_in_a_circle(served, tmp_path):
    served.moved["/file.zip"] = "/file.zip"
    with pytest.raises(DownloadError, match="TooManyRedirects"):
        get(served, tmp_path / "file.zip")


def test_a_page_that_asks_something_is_no_file(served, tmp_path):
    served.kind = "text/html; charset=utf-8"
    with pytest.raises(DownloadError, match="web page"):
        get(served, tmp_path / "file.zip")
    assert not list(tmp_path.iterdir())


def test_nobody_is_there(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving() as served:
        address = served.address
    with pytest.raises(DownloadError, match="connection broke off"):
        fetch(f"{address}/file.zip", tmp_path / "file.zip", attempts=2, pause=lambda seconds: None)


def test_a_disk_that_is_full(served, tmp_path, monkeypatch):
    monkeypatch.setattr(extract, "RESERVE", 1 << 60)
    with pytest.raises(extract.DiskSpaceError, match="1 MB are to be written"):
        get(served, tmp_path / "file.zip")
