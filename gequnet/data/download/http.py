"""One file over HTTP: goes on where it was cut off, tries again, and believes nothing that it has not checked."""

import hashlib
import re
import time
from collections.abc import Callable
from pathlib import Path

import requests
from urllib3.exceptions import HTTPError

from gequnet.data.download.extract import check_space
from gequnet.data.errors import DataError

CHUNK = 1 << 18
TRANSIENT_STATUSES = {408, 425, 429, *range(500, 600)}
"""Answers that may be another one in a minute."""

Report = Callable[[int, int | None], None]
"""Told how many bytes are there, and of how many, if that is known."""


class DownloadError(DataError):
    """A file could not be fetched."""

    def __init__(self, url: str, reason: str, advice: str) -> None:
        super().__init__(f"{url} was not fetched: {reason}; {advice}.")


class ChecksumError(DataError):
    """What came is not the file that was asked for."""

    def __init__(self, what: str | Path, came: str, expected: str) -> None:
        super().__init__(
            f"{what} is another file than expected: it has {came}, expected was {expected}; fetch it again, and if it "
            "stays so the file has been exchanged at its source."
        )


class _TransferInterruptedError(Exception):
    """It broke off; what is there may be kept."""


def fetch(
    url: str,
    path: Path,
    digest: str = "",
    report: Report = lambda done, total: None,
    attempts: int = 5,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Fetch a file, to be there whole or not at all.

    Until it is whole and checked it is called ``<path>.part``, and a later call goes on with that, if the server still
    has the same file: its ETag, or date, is kept beside as ``<path>.stamp``.

    Args:
        url: Where it is.
        path: Where it goes; a file that is there and has the digest is kept.
        digest: What it must have, ``sha256:…`` or ``md5:…``; empty where nobody knows.
        report: Is told how far it is.
        attempts: So often in a row it may break off without a byte of progress.
        pause: Waits so many seconds: 1, 2, 4, … between attempts.

    Raises:
        ChecksumError: If it is whole and not the file that is expected.
        DownloadError: If it cannot be had.
        DiskSpaceError: If it does not fit on the disk.
    """
    part, stamp = (path.with_name(path.name + ending) for ending in (".part", ".stamp"))
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_file() and digest and digest_of(path, digest) == digest:
        return
    failures = 0
    while True:
        before = _size(part)
        try:
            _fetch_rest(url, part, stamp, report)
            break
        except _TransferInterruptedError as error:
            failures = 1 if _size(part) > before else failures + 1
            if failures >= attempts:
                raise DownloadError(url, str(error), "what has come is kept, so start it again later") from error
            pause(2.0 ** (failures - 1))
    stamp.unlink(missing_ok=True)
    try:
        check_digest(url, part, digest)
    except ChecksumError:
        part.unlink()
        raise
    part.replace(path)


def check_digest(what: str | Path, path: Path, digest: str) -> None:
    """See that a file has this digest, where one is known; ``what`` is what it is called.

    Raises:
        ChecksumError: If it has another.
    """
    if digest and (came := digest_of(path, digest)) != digest:
        raise ChecksumError(what, came, digest)


def digest_of(path: Path, like: str) -> str:
    """The digest of a file, by the algorithm of another one: ``sha256:0123…``."""
    algorithm = like.partition(":")[0]
    with path.open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False))
    return f"{algorithm}:{found.hexdigest()}"


def _fetch_rest(url: str, part: Path, stamp: Path, report: Report) -> None:
    """Fetch what is missing of ``part``; all of it where the server has another file by now, or sends no parts."""
    resume_at = _size(part) if stamp.is_file() else 0
    headers = {"Accept-Encoding": "identity", "User-Agent": "gequnet"}
    if resume_at:
        headers |= {"Range": f"bytes={resume_at}-", "If-Range": stamp.read_text(encoding="utf-8")}
    try:
        with requests.get(url, headers=headers, stream=True, timeout=(15, 60)) as response:
            if response.status_code == 416 and resume_at:
                if _total_bytes(response) == resume_at:  # it was whole, and the program was ended before it had looked
                    return
                part.unlink()
                raise _TransferInterruptedError("the server has a shorter file than has come already")
            _check_response(url, response)
            resumed = response.status_code == 206
            if resumed and _first_byte(response) != resume_at:
                part.unlink()
                raise _TransferInterruptedError("the server sent another part than was asked for")
            _store_validator(response, stamp)
            _receive(response, part, resume_at if resumed else 0, report)
    except requests.exceptions.SSLError as error:
        raise DownloadError(url, "its certificate is not valid", "see whether the address is right") from error
    except (requests.ConnectionError, requests.Timeout, HTTPError) as error:
        raise _TransferInterruptedError(f"the connection broke off ({type(error).__name__})") from error
    except requests.RequestException as error:
        raise DownloadError(url, f"{type(error).__name__}: {error}", "see whether the address is right") from error


def _check_response(url: str, response: requests.Response) -> None:
    """Refuse what is not the beginning, or the rest, of a file."""
    status = f"the server answers {response.status_code} {response.reason}"
    if response.status_code in TRANSIENT_STATUSES:
        raise _TransferInterruptedError(status)
    if response.status_code not in (200, 206):
        raise DownloadError(url, status, "the address may have changed, look at the dataset's page")
    if url.startswith("https:") and not response.url.startswith("https:"):
        raise DownloadError(url, f"it leads to {response.url}, which anybody could change", "fetch it by hand")
    if "text/html" in response.headers.get("Content-Type", ""):
        raise DownloadError(url, "a web page came instead of a file", "open it in a browser, it may ask something")


def _receive(response: requests.Response, part: Path, resume_at: int, report: Report) -> None:
    """Write the bytes as they come, so that all that has come is there if it breaks off."""
    total = _total_bytes(response)
    check_space(part.parent, (total or 0) - resume_at)
    with part.open("ab" if resume_at else "wb") as file:
        report(resume_at, total)
        for chunk in response.raw.stream(CHUNK, decode_content=False):  # a .gz is to stay one
            file.write(chunk)
            report(file.tell(), total)
    if total is not None and _size(part) != total:
        raise _TransferInterruptedError(f"{_size(part)} bytes came of {total}")


def _store_validator(response: requests.Response, stamp: Path) -> None:
    """Keep what tells this file from another that may be there later; without it nothing is ever resumed."""
    tag = response.headers.get("ETag", "")
    known = tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", "")
    if known:
        stamp.write_text(known, encoding="utf-8")
    else:
        stamp.unlink(missing_ok=True)


def _total_bytes(response: requests.Response) -> int | None:
    """Bytes of the whole file, as the server says."""
    found = re.search(r"/(\d+)$", response.headers.get("Content-Range", ""))
    length = found[1] if found else response.headers.get("Content-Length") if response.status_code == 200 else None
    return None if length is None else int(length)


def _first_byte(response: requests.Response) -> int | None:
    """Which byte the part begins with."""
    found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(found[1]) if found else None


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
