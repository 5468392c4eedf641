"""Safe extraction of downloaded archives: every member is checked before any file is written."""

import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from gequnet.data.errors import DataError

CHUNK = 1 << 20
RESERVE = 64 << 20
"""Bytes of the disk to keep free."""

ARCHIVE_ERRORS = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError, OSError)
"""Exceptions of the libraries for truncated and unsupported archives."""


class ArchiveError(DataError):
    """Archive that cannot be read or must not be unpacked."""

    def __init__(self, archive: Path, reason: str) -> None:
        super().__init__(
            f"{archive} was not unpacked: {reason}; none of its files was kept, fetch it again from its source."
        )


class DiskSpaceError(DataError):
    """Less free space on the disk than is needed."""

    def __init__(self, folder: Path, needed: int, free: int) -> None:
        super().__init__(
            f"{folder} has {free / 1e6:.0f} MB free and {needed / 1e6:.0f} MB are to be written; make room, or give "
            "another folder with --root."
        )


@dataclass(frozen=True)
class UnpackLimits:
    """Limits of an archive's unpacked content, against archives made to fill disks.

    Args:
        total: Unpacked bytes.
        ratio: Unpacked bytes per packed byte; checked above ``small`` bytes only.
        small: See ``ratio``.
        members: Number of files.
    """

    total: int = 64 << 30
    ratio: float = 200.0
    small: int = 64 << 20
    members: int = 500_000


@dataclass(frozen=True)
class Member:
    """File in an archive.

    Args:
        path: Target path, relative to the folder.
        size: Unpacked bytes, from the archive's header.
        open: Opens it for reading.
    """

    path: PurePosixPath
    size: int
    open: Callable[[], IO[bytes] | None]


def extract(archive: Path, folder: Path, below: str = "", limits: UnpackLimits | None = None) -> None:
    """Unpack a zip or a tar, compressed or not, into a folder.

    These are refused: names that lead out of the folder, links of any kind, devices, duplicate names, encrypted members
    and sizes beyond the limits. None of the datasets has any of them.

    Args:
        archive: The file; its content decides the format.
        folder: Target folder; made if necessary.
        below: Folder of the archive: only its files are unpacked, with paths relative to it.
        limits: See ``UnpackLimits``.

    Raises:
        ArchiveError: If it is damaged, is no archive, or has a refused member. No file is written before, except if the
            damage shows only when a member is read.
        DiskSpaceError: If it does not fit on the disk.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as place:
        ...     packed = Path(place, "some.zip")
        ...     with zipfile.ZipFile(packed, "w") as made:
        ...         made.writestr("some/a.txt", "words")
        ...     extract(packed, Path(place, "out"), below="some")
        ...     Path(place, "out", "a.txt").read_text()
        'words'
    """
    try:
        with _members(archive) as members:
            _check(archive, members, limits or UnpackLimits())
            chosen = [
                (member, member.path.relative_to(below)) for member in members if member.path.is_relative_to(below)
            ]
            if not chosen:
                raise ArchiveError(archive, f"it holds no {below or 'file'}")
            check_space(folder, sum(member.size for member, _ in chosen))
            for member, path in chosen:
                _write(archive, member, folder / path)
    except ARCHIVE_ERRORS as error:
        raise ArchiveError(archive, f"it is damaged ({str(error).rstrip('.') or type(error).__name__})") from error


def check_space(folder: Path, needed: int) -> None:
    """Check the free space of a folder's disk.

    Raises:
        DiskSpaceError: If ``needed`` bytes do not fit.
    """
    there = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(there).free - RESERVE
    if needed > free:
        raise DiskSpaceError(folder, needed, max(0, free))


@contextmanager
def _members(archive: Path) -> Iterator[list[Member]]:
    """Files of a zip or tar, which stays open inside the block."""
    with archive.open("rb") as file:
        beginning = file.read(512)
    if beginning.startswith(b"PK"):
        with zipfile.ZipFile(archive) as packed:
            yield [_zipped(archive, packed, info) for info in packed.infolist() if not info.is_dir()]
        return
    if not tarfile.is_tarfile(archive):
        shown = beginning[:40].decode("ascii", "replace").split("\n")[0]
        raise ArchiveError(archive, f"it is no zip and no tar, it begins with {shown!r}")
    with tarfile.open(archive) as packed_tar:
        yield [_tarred(archive, packed_tar, info) for info in packed_tar if not info.isdir()]


def _zipped(archive: Path, packed: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):  # zips made under Windows have no file types
        raise ArchiveError(archive, f"{info.filename} is a link or a device")
    if info.flag_bits & 1:
        raise ArchiveError(archive, f"{info.filename} is encrypted")
    return Member(_inside(archive, info.filename), info.file_size, lambda: packed.open(info))


def _tarred(archive: Path, packed: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
    if not info.isreg():
        raise ArchiveError(archive, f"{info.name} is a link or a device")
    return Member(_inside(archive, info.name), info.size, lambda: packed.extractfile(info))


def _inside(archive: Path, name: str) -> PurePosixPath:
    """Name as a relative path without ``..``, on any operating system."""
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\\" in name or PureWindowsPath(name).drive:
        raise ArchiveError(archive, f"{name!r} leads out of the folder into which it is unpacked")
    return path


def _check(archive: Path, members: Sequence[Member], limits: UnpackLimits) -> None:
    """Check the number of members, their total size, and that no two have one path."""
    total, packed = sum(member.size for member in members), archive.stat().st_size
    if len(members) > limits.members or total > limits.total:
        raise ArchiveError(archive, f"it would become {len(members)} files of {total / 1e9:.1f} GB together")
    if total > max(limits.small, limits.ratio * packed):
        raise ArchiveError(archive, f"its {packed / 1e6:.1f} MB would become {total / 1e6:.0f} MB")
    seen: set[str] = set()
    for member in members:
        name = str(member.path).casefold()  # some file systems ignore case
        if name in seen:
            raise ArchiveError(archive, f"{member.path} is in it twice")
        seen.add(name)
    for member in members:
        if any(str(parent).casefold() in seen for parent in member.path.parents):
            raise ArchiveError(archive, f"{member.path} lies in a folder that is also a file")


def _write(archive: Path, member: Member, target: Path) -> None:
    """Write a member as a new file; raise an error if its size differs from the header's."""
    target.parent.mkdir(parents=True, exist_ok=True)
    source = member.open()
    if source is None:
        raise ArchiveError(archive, f"{member.path} has no content")
    written = 0
    with source, target.open("xb") as file:
        while chunk := source.read(CHUNK):
            written += len(chunk)
            if written > member.size:
                break
            file.write(chunk)
    if written != member.size:
        raise ArchiveError(archive, f"{member.path} does not have the {member.size} bytes of its header")
