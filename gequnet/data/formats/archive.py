"""Common access to the files of a folder or of a zip."""

import os
import zipfile
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from gequnet.data.formats.read_errors import DECODE_ERRORS, read_error


class Archive:
    """Folder, or zip that is read without unpacking.

    Only the path is pickled.

    Args:
        path: The folder or the zip.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     packed = Path(folder, "some.zip")
        ...     with zipfile.ZipFile(packed, "w") as made:
        ...         made.writestr("a/b.txt", "words")
        ...     archive = Archive(packed)
        ...     archive.names, archive.read("a/b.txt")
        (['a/b.txt'], b'words')
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._opened: tuple[int, zipfile.ZipFile] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "_opened": None}

    @cached_property
    def names(self) -> list[str]:
        """Sorted relative paths of the files, with slashes, without hidden files.

        Raises:
            UnreadableFileError: If the zip is damaged.
        """
        if self.path.is_dir():
            files = [Path(folder, name) for folder, _, names in os.walk(self.path) for name in names]
            found = [file.relative_to(self.path).as_posix() for file in files]
        else:
            found = [name for name in self._zip.namelist() if not name.endswith("/")]
        return sorted(name for name in found if not PurePosixPath(name).name.startswith("."))

    def path_of(self, name: str) -> Path:
        """Path of a file, for messages; in a zip it cannot be opened."""
        return self.path / name

    def read(self, name: str) -> bytes:
        """Content of one of ``names``.

        Raises:
            UnreadableFileError: If the file is damaged.
        """
        try:
            return self.path_of(name).read_bytes() if self.path.is_dir() else self._zip.read(name)
        except (zipfile.BadZipFile, *DECODE_ERRORS) as error:
            raise read_error(self.path_of(name), error) from error

    @property
    def _zip(self) -> zipfile.ZipFile:
        # A forked worker shares the file position of its parent, so each process opens its own file.
        if self._opened is None or self._opened[0] != os.getpid():
            try:
                self._opened = os.getpid(), zipfile.ZipFile(self.path)
            except (zipfile.BadZipFile, *DECODE_ERRORS) as error:
                raise read_error(self.path, error) from error
        return self._opened[1]
