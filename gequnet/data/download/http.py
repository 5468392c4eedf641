"""Download of one file over HTTP: resumed after interruptions, retried, and checked by digest."""

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
"""HTTP statuses worth another attempt."""

Report = Callable[[int, int | None], None]
"""Progress callback: bytes so far, and bytes in all if known."""


class DownloadError(DataError):
    """File that could not be downloaded."""

    def __init__(self, url: str, reason: str, advice: str) -> None:
        super().__init__(f"{url} was not fetched: {reason}; {advice}.")


class ChecksumError(DataError):
    """Downloaded file with another digest than expected."""

    def __init__(self, what: str | Path, came: str, expected: str) -> None:
        super().__init__(
            f"{what} is another file than expected: it has {came}, expected was {expected}; fetch it again. If the "
            "error stays, the file has changed at its source."
        )


class _TransferInterruptedError(Exception):
    """Interrupted transfer; the bytes so far may be kept."""


def fetch(
    url: str,
    path: Path,
    digest: str = "",
    report: Report = lambda done, total: None,
    attempts: int = 5,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Download a file, whole or not at all.

    An incomplete file is called ``<path>.part``. A later call continues it if the server still has the same file: the
    ETag or date is kept in ``<path>.stamp``.

    Args:
        url: Address of the file.
        path: Target; an existing file with the right digest is kept.
        digest: Expected digest, ``sha256:…`` or ``md5:…``; empty if unknown.
        report: Progress callback.
        attempts: Number of consecutive failures without a byte of progress before giving up.
        pause: Waits the given seconds, 1, 2, 4, … between attempts.

    Raises:
        ChecksumError: If the complete file has another digest.
        DownloadError: If the download fails.
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
                raise DownloadError(url, str(error), "the bytes so far are kept, so start it again later") from error
            pause(2.0 ** (failures - 1))
    stamp.unlink(missing_ok=True)
    try:
        check_digest(url, part, digest)
    except ChecksumError:
        part.unlink()
        raise
    part.replace(path)


def check_digest(what: str | Path, path: Path, digest: str) -> None:
    """Check that a file has this digest, unless it is empty; ``what`` names the file in the error.

    Raises:
        ChecksumError: If it has another.
    """
    if digest and (came := digest_of(path, digest)) != digest:
        raise ChecksumError(what, came, digest)


def digest_of(path: Path, like: str) -> str:
    """Digest of a file, ``sha256:0123…``, by the algorithm of the digest ``like``."""
    algorithm = like.partition(":")[0]
    with path.open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False))
    return f"{algorithm}:{found.hexdigest()}"


def _fetch_rest(url: str, part: Path, stamp: Path, report: Report) -> None:
    """Download the rest of ``part``, or all of it if the file has changed or the server sends no ranges."""
    resume_at = _size(part) if stamp.is_file() else 0
    headers = {"Accept-Encoding": "identity", "User-Agent": "gequnet"}
    if resume_at:
        headers |= {"Range": f"bytes={resume_at}-", "If-Range": stamp.read_text(encoding="utf-8")}
    try:
        with requests.get(url, headers=headers, stream=True, timeout=(15, 60)) as response:
            if response.status_code == 416 and resume_at:
                if _total_bytes(response) == resume_at:  # complete, but the process ended before the check
                    return
                part.unlink()
                raise _TransferInterruptedError("the server has a shorter file than was downloaded already")
            _check_response(url, response)
            resumed = response.status_code == 206
            if resumed and _first_byte(response) != resume_at:
                part.unlink()
                raise _TransferInterruptedError("the server sent another range than requested")
            _store_validator(response, stamp)
            _receive(response, part, resume_at if resumed else 0, report)
    except requests.exceptions.SSLError as error:
        raise DownloadError(url, "its certificate is not valid", "see whether the address is right") from error
    except (requests.ConnectionError, requests.Timeout, HTTPError) as error:
        raise _TransferInterruptedError(f"the connection broke off ({type(error).__name__})") from error
    except requests.RequestException as error:
        raise DownloadError(url, f"{type(error).__name__}: {error}", "see whether the address is right") from error


def _check_response(url: str, response: requests.Response) -> None:
    """Raise an error unless the response holds the file or the requested rest of it."""
    status = f"the server answers {response.status_code} {response.reason}"
    if response.status_code in TRANSIENT_STATUSES:
        raise _TransferInterruptedError(status)
    if response.status_code not in (200, 206):
        raise DownloadError(url, status, "the address may have changed, see the dataset's page")
    if url.startswith("https:") and not response.url.startswith("https:"):
        raise DownloadError(url, f"it redirects to {response.url}, which is not encrypted", "download it by hand")
    if "text/html" in response.headers.get("Content-Type", ""):
        raise DownloadError(
            url, "the server sent a web page instead of a file", "open it in a browser, it may need an answer"
        )


def _receive(response: requests.Response, part: Path, resume_at: int, report: Report) -> None:
    """Write the bytes as they arrive, so that an interrupted transfer can be resumed."""
    total = _total_bytes(response)
    check_space(part.parent, (total or 0) - resume_at)
    with part.open("ab" if resume_at else "wb") as file:
        report(resume_at, total)
        for chunk in response.raw.stream(CHUNK, decode_content=False):  # keep a .gz compressed
            file.write(chunk)
            report(file.tell(), total)
    if total is not None and _size(part) != total:
        raise _TransferInterruptedError(f"{_size(part)} bytes came of {total}")


def _store_validator(response: requests.Response, stamp: Path) -> None:
    """Store the ETag or date of the file; without one a transfer is not resumed."""
    tag = response.headers.get("ETag", "")
    known = tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", "")
    if known:
        stamp.write_text(known, encoding="utf-8")
    else:
        stamp.unlink(missing_ok=True)


def _total_bytes(response: requests.Response) -> int | None:
    """Size of the whole file in bytes, from the response headers; None if unknown."""
    found = re.search(r"/(\d+)$", response.headers.get("Content-Range", ""))
    length = found[1] if found else response.headers.get("Content-Length") if response.status_code == 200 else None
    return None if length is None else int(length)


def _first_byte(response: requests.Response) -> int | None:
    """Offset of the first byte of a partial response; None if unknown."""
    found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(found[1]) if found else None


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
