"""Errors for files of a run's folder that are damaged, in place of those of their readers."""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gequnet.errors import ConfigError, first_sentence

READ_ERRORS = (
    *(OSError, ValueError, LookupError, TypeError, AttributeError, EOFError, RecursionError, MemoryError),
    *(zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError),
)
"""Errors of readers of JSON, CSV and NPZ whose file is cut, changed, or of another kind."""


class DamagedFileError(ConfigError):
    """A file of a run's folder that cannot be read as what it should be."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} is damaged ({reason}): copy it from the run again, or leave the run out.")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Context of reading a file.

    Raises:
        DamagedFileError: the file cannot be read, in place of any of ``READ_ERRORS``.
    """
    if path.exists() and not path.is_file():  # a pipe would wait for ever
        raise DamagedFileError(path, "it is no file")
    try:
        yield
    except READ_ERRORS as error:
        if isinstance(error, ConfigError):
            raise
        reason = first_sentence(" ".join(str(error).split())) or type(error).__name__
        raise DamagedFileError(path, reason.rstrip(".")) from None
