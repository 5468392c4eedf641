"""Files packed with gzip: their content, and what is wrong with them."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gequnet.data.errors import UnreadableFileError, UnsupportedImageError
from gequnet.data.formats.read_errors import GZIP, MARKS, START, decoding, first_bytes, unknown_content

BLOCK = 1 << 20
"""Bytes that are unpacked at a time for a check."""


def packed_content(path: Path) -> bytes | None:
    """Unpacked content of a ``.gz`` file, as STARE is distributed; None for any other file.

    Raises:
        UnreadableFileError: If it is damaged, or not packed.
    """
    if not is_named_gzip(path):
        return None
    check_mark(path)
    with _unpacking(path):
        return gzip.decompress(path.read_bytes())


def check_gzip(path: Path) -> None:
    """Check the checksum and the end of a ``.gz`` file, which readers that stop at the last voxel do not reach.

    Raises:
        UnreadableFileError: If it is damaged.
    """
    if is_named_gzip(path):
        with _unpacking(path), gzip.open(path) as file:
            while file.read(BLOCK):
                pass


def check_mark(path: Path) -> None:
    """Check that a ``.gz`` file begins as one.

    Raises:
        UnreadableFileError: If it does not.
    """
    with decoding(path):
        start = first_bytes(path)
    if not is_named_gzip(path) or start.startswith(GZIP):
        return
    if start.startswith(MARKS) or is_nifti(start):
        raise UnsupportedImageError(path, "is not packed, though its name ends in .gz", "take .gz off its name")
    raise unknown_content(path, start)


def first_unpacked(path: Path) -> bytes:
    """The first bytes of a file, unpacked if it is a ``.gz``."""
    if not is_named_gzip(path):
        return first_bytes(path)
    with _unpacking(path), gzip.open(path) as file:
        return file.read(START)


def is_named_gzip(path: Path) -> bool:
    """True if the name ends in ``.gz``."""
    return path.suffix.lower() == ".gz"


def is_nifti(start: bytes) -> bool:
    """True for the first bytes of a NIfTI file, of version 1 or 2."""
    return start[344:347] in (b"n+1", b"ni1") or start[4:7] in (b"n+2", b"ni2")


@contextmanager
def _unpacking(path: Path) -> Iterator[None]:
    with decoding(path):
        try:
            yield
        except gzip.BadGzipFile as error:
            if not str(error).startswith("Not a gzipped file"):
                raise
            raise UnreadableFileError(path, "other bytes follow the end of its packed content") from error
