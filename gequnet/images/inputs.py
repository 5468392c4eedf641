"""Which images somebody means by files, folders and patterns."""

import glob
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from gequnet.errors import ConfigError
from gequnet.images.dicom import Dicom
from gequnet.images.image_file import ImageFile
from gequnet.images.nifti import Nifti
from gequnet.images.opening import ending_of, format_of

CHANNEL = re.compile(r"(.+)_(\d{4})$")
"""Name and number of a channel that has a file of its own: ``case_0000``."""


@dataclass(frozen=True)
class Input:
    """One image.

    Args:
        files: The file, the slices of a series, or a file for each channel.
        name: What its answers are called, without an ending, relative to the folder that was given.
        path: What it is called in messages.
        format: What reads it; None where nothing does.
    """

    files: tuple[Path, ...]
    name: PurePath
    path: Path
    format: type[ImageFile] | None


def inputs_of(given: Sequence[str], channels: int = 1, leave_out: Path | None = None) -> list[Input]:
    """The images that were meant, in the order of the words and then of their names.

    A folder stands for every image in it and below, a pattern for the files that it fits. DICOM files of one folder are
    one image, which has the folder's name. Where a network takes several channels NIfTI files called ``NAME_0000``,
    ``NAME_0001``, … are channels of one image, ``NAME``.

    Args:
        given: Files, folders, and patterns with ``*``, ``?``, ``[…]`` and ``**``.
        channels: That the network takes.
        leave_out: A folder in which nothing is looked for.

    Raises:
        ConfigError: Something that was named is not there, or there is no image in it.
    """
    found = [each for word in given for each in _grouped(_files(word, leave_out), channels)]
    once = {each.files: each for each in found}  # a file may be named twice, by itself and by a pattern
    return list(once.values())


def _files(word: str, leave_out: Path | None) -> list[tuple[Path, PurePath]]:
    """The files that a word stands for, each with its name relative to where they were looked for."""
    path = Path(word).expanduser()
    if path.is_dir():
        found = _images(sorted(path.rglob("*")), path, leave_out)
        if not found:
            raise ConfigError(f"There is no image in the folder {word}: name one that has some.")
        return found
    if path.exists():
        return [(path, PurePath(path.name))]
    if not glob.has_magic(word):
        raise ConfigError(f"{word} is not there: name a file, a folder or a pattern such as 'scans/*.png'.")
    fixed = next(each for each in (path, *path.parents) if not glob.has_magic(str(each)))
    found = _images(sorted(Path(each) for each in glob.glob(str(path), recursive=True)), fixed, leave_out)
    if not found:
        raise ConfigError(f"No image fits the pattern {word}: name files, folders or patterns of images.")
    return found


def _images(paths: Iterable[Path], root: Path, leave_out: Path | None) -> list[tuple[Path, PurePath]]:
    relative = [(path, path.relative_to(root)) for path in paths if path.is_file()]
    hidden = leave_out.resolve() if leave_out else None
    return [
        (path, name)
        for path, name in relative
        if not any(part.startswith(".") for part in name.parts)
        and not (hidden and hidden in path.resolve().parents)
        and format_of(path) is not None
    ]


def _grouped(files: Sequence[tuple[Path, PurePath]], channels: int) -> list[Input]:
    """Slices of one folder, and channels of one image, together."""
    groups: dict[tuple[PurePath, bool], Input] = {}
    for path, relative in files:
        kind = format_of(path)
        whole, name = path, relative.with_name(relative.name[: len(relative.name) - len(ending_of(path))] or path.stem)
        channel = CHANNEL.match(name.name) if kind is Nifti and channels > 1 else None
        if kind is Dicom:
            whole = path.parent
            name = relative.parent if relative.parent.name else PurePath(path.resolve().parent.name)
        elif channel:
            name = name.with_name(channel[1])
        together = kind is Dicom or channel is not None
        key = (name, True) if together else (relative, False)
        before = groups[key].files if key in groups else ()
        groups[key] = Input((*before, path), name, groups[key].path if before else whole, kind)
    return list(groups.values())
