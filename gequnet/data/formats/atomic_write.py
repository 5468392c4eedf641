"""Atomic writing of files: a file appears whole or not at all."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Temporary path in the folder of ``path`` that replaces ``path`` when the block ends without an error.

    The folder is made. The temporary name has the ending of ``path`` and is unique among threads, processes and
    machines. After an error or Ctrl-C the temporary file is deleted and the former file at ``path`` stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".part-{uuid.uuid4().hex[:12]}-{path.name}")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
