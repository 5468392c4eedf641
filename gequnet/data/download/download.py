"""A dataset from its source into the folder of the datasets, whole or not at all."""

import os
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from gequnet.data.download.catalogue import CatalogueEntry, RemoteFile
from gequnet.data.download.extract import ArchiveError, check_space, extract
from gequnet.data.download.http import Report, check_digest, fetch
from gequnet.data.errors import DataError

DOWNLOADS = ".downloads"
"""Folder in that of the datasets where files lie until the dataset is complete."""


class ByHandError(DataError):
    """A dataset that a person has to fetch."""

    def __init__(self, name: str, entry: CatalogueEntry, root: Path) -> None:
        steps = [
            entry.by_hand,
            f"Its page is {entry.home}.",
            f"Then {root} should hold {entry.layout}; python -m gequnet.data verify {name} says whether it does.",
        ]
        if entry.files:
            file = entry.files[0].name
            steps.insert(1, f"python -m gequnet.data download {name} --from {file} checks and unpacks it.")
        super().__init__(" ".join(steps))


class AlreadyThereError(DataError):
    """The dataset's folder exists."""

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(
            f"{folder} is there already and was not touched: python -m gequnet.data verify {name} says whether it is "
            "complete; to fetch it anew move it away first."
        )


class ArchiveArgumentError(DataError):
    """The archive that somebody fetched by hand is of no use here."""

    def __init__(self, name: str, came: str, expected: str) -> None:
        super().__init__(f"The folder of {name} cannot be made {came}; {expected}.")


def download(
    name: str,
    entry: CatalogueEntry,
    root: Path,
    report: Callable[[RemoteFile], Report] = lambda remote: lambda done, total: None,
    pause: Callable[[float], None] = time.sleep,
) -> Path:
    """Fetch the files of a dataset, unpack them beside its folder, and give it its name when all is there.

    Files that have come are kept until then, so a call after a failure goes on where that one ended. A dataset that
    somebody has begun to lay out by hand is not touched.

    Args:
        name: The dataset.
        address: Where it comes from.
        root: Folder of the datasets.
        report: For each file makes what is told how far it is.
        pause: See ``fetch``.

    Returns:
        The dataset's folder.

    Raises:
        AlreadyThereError: If that folder exists.
        ByHandError: If the dataset has to be fetched by a person.
        DataError: See ``fetch`` and ``extract``.
    """
    if entry.by_hand or not entry.files:
        raise ByHandError(name, entry, root)
    _check_absent(name, root / entry.folder)
    files = [root / DOWNLOADS / remote.name for remote in entry.files]
    for remote, file in zip(entry.files, files, strict=True):
        fetch(remote.url, file, remote.digest, report(remote), pause=pause)
    try:
        folder = _lay_out(entry, files, root)
    except ArchiveError:  # the next call shall not trip over the same file
        for file in files:
            file.unlink(missing_ok=True)
        raise
    for file in files:
        file.unlink(missing_ok=True)
    _remove_if_empty(root / DOWNLOADS)
    return folder


def unpack(name: str, entry: CatalogueEntry, root: Path, archive: Path) -> Path:
    """Make the dataset's folder of an archive that somebody has fetched; the archive stays where it is.

    Returns:
        The dataset's folder.

    Raises:
        AlreadyThereError: If that folder exists.
        FromError: If there is no such archive, or the dataset is not made of one.
        ChecksumError: If it is another file than the dataset's.
        ArchiveError: See ``extract``.
    """
    if len(entry.files) != 1:
        expected = f"unpack it yourself, so that {root} holds {entry.layout}"
        raise ArchiveArgumentError(
            name, f"of {archive}: what is inside its archive, or archives, is not known here", expected
        )
    _check_absent(name, root / entry.folder)
    if not archive.is_file():
        raise ArchiveArgumentError(name, f"of {archive}, which is no file", f"give the path of {entry.files[0].name}")
    check_digest(archive, archive, entry.files[0].digest)
    return _lay_out(entry, [archive], root)


def _lay_out(entry: CatalogueEntry, files: Sequence[Path], root: Path) -> Path:
    """Unpack into a folder of another name, and rename it at the end: what has the dataset's name is complete."""
    folder, unfinished = root / entry.folder, root / f".{entry.folder}.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)  # of a program that was killed
    try:
        for remote, file in zip(entry.files, files, strict=True):
            target = unfinished / remote.into
            if remote.packed:
                check_space(target, file.stat().st_size)
                target.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target / remote.name)
            else:
                extract(file, target, remote.below)
        os.rename(unfinished, folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return folder


def _check_absent(name: str, folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise AlreadyThereError(name, folder)


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
