"""Download of a dataset into its folder, whole or not at all."""

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
"""Folder for downloaded files until the dataset is complete, in the folder of all datasets."""


class ByHandError(DataError):
    """Dataset that must be downloaded by hand."""

    def __init__(self, name: str, entry: CatalogueEntry, root: Path) -> None:
        steps = [
            entry.by_hand,
            f"Its page is {entry.home}.",
            f"Then {root} should hold {entry.layout}; python -m gequnet.data verify {name} checks it.",
        ]
        if entry.files:
            file = entry.files[0].name
            steps.insert(1, f"python -m gequnet.data download {name} --from {file} checks and unpacks it.")
        super().__init__(" ".join(steps))


class AlreadyThereError(DataError):
    """Folder of the dataset that exists already."""

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(
            f"{folder} exists already and was not changed: python -m gequnet.data verify {name} checks it; to "
            "download it again move it away first."
        )


class ArchiveArgumentError(DataError):
    """Archive given with ``--from`` that cannot be used."""

    def __init__(self, name: str, came: str, expected: str) -> None:
        super().__init__(f"The folder of {name} cannot be made {came}; {expected}.")


def download(
    name: str,
    entry: CatalogueEntry,
    root: Path,
    report: Callable[[RemoteFile], Report] = lambda remote: lambda done, total: None,
    pause: Callable[[float], None] = time.sleep,
) -> Path:
    """Download the files of a dataset, unpack them into a temporary folder, and rename it when all is complete.

    Downloaded files are kept until then, so a call after a failure continues there. An existing folder of the dataset
    is not changed.

    Args:
        name: Name of the dataset.
        entry: Its catalogue entry.
        root: Folder of all datasets.
        report: Makes the progress callback of a file.
        pause: See ``fetch``.

    Returns:
        The dataset's folder.

    Raises:
        AlreadyThereError: If that folder exists.
        ByHandError: If the dataset must be downloaded by hand.
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
    except ArchiveError:  # so that the next call downloads it again
        for file in files:
            file.unlink(missing_ok=True)
        raise
    for file in files:
        file.unlink(missing_ok=True)
    _remove_if_empty(root / DOWNLOADS)
    return folder


def unpack(name: str, entry: CatalogueEntry, root: Path, archive: Path) -> Path:
    """Unpack a downloaded archive into the dataset's folder; the archive stays where it is.

    Returns:
        The dataset's folder.

    Raises:
        AlreadyThereError: If that folder exists.
        ArchiveArgumentError: If there is no such archive, or the dataset does not consist of one.
        ChecksumError: If its digest differs from that of the dataset.
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
    """Unpack into a folder with a temporary name and rename it at the end, so that a dataset's folder is complete."""
    folder, unfinished = root / entry.folder, root / f".{entry.folder}.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)  # left by a killed process
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
