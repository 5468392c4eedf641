"""Errors of decoders as one sentence with the true cause; every format uses the same list of exceptions."""

import lzma
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gequnet.data.errors import NotAnImageError, UnreadableFileError, UnsupportedImageError

DECODE_ERRORS = (
    *(OSError, EOFError, SyntaxError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError),
    *(RuntimeError, AssertionError, struct.error, zlib.error, lzma.LZMAError),
)
"""Exceptions that libraries raise for files that they cannot decode."""

START = 4096
"""Bytes in which the facts of a header are looked for."""

MARKS = (b"\x89PNG", b"GIF8", b"RIFF", b"\xff\xd8\xff", b"BM", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""First bytes of image formats."""
GZIP = b"\x1f\x8b"


@contextmanager
def decoding(path: Path) -> Iterator[None]:
    """Context in which exceptions of decoders become errors that name the file.

    Raises:
        UnreadableFileError: In place of any of ``DECODE_ERRORS``; errors of gequnet pass.
    """
    try:
        yield
    except DECODE_ERRORS as error:
        raise read_error(path, error) from error


def read_error(path: Path, error: Exception) -> UnreadableFileError:
    """Error for a file that could not be opened or decoded."""
    if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError | NotADirectoryError):
        return UnsupportedImageError(path, f"cannot be opened ({error.strerror})", "check its path and its permissions")
    return UnreadableFileError(path, short_reason(error))


def unknown_content(path: Path, start: bytes) -> UnreadableFileError:
    """Error for a file of which no reader knows the first bytes: empty, packed, no image, or damaged at its start."""
    if not start:
        return UnreadableFileError(path, "it is empty")
    if start.startswith(GZIP):
        return UnsupportedImageError(
            path, "is packed with gzip, and its name does not end in .gz", "add .gz to its name"
        )
    if start.startswith(MARKS):
        return UnreadableFileError(path, "its header is damaged")
    if re.fullmatch(rb"[\t\n\r\x20-\x7e\x80-\xff]+", start):
        return NotAnImageError(path, "a web page" if start.lstrip().startswith(b"<") else "a text")
    return NotAnImageError(path, "a file of another format")


def first_bytes(path: Path, content: bytes | None = None) -> bytes:
    """The first ``START`` bytes of a file, or of its content."""
    if content is not None:
        return content[:START]
    with path.open("rb") as file:
        return file.read(START)


def short_reason(error: BaseException) -> str:
    """First part of a library's message, without the object or path."""
    return str(error).split("\n")[0].split(" '")[0].split(" <")[0].strip() or type(error).__name__
