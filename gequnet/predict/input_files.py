"""Which images somebody means by files, folders and patterns."""

import glob
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from gequnet.data.formats.dicom import Dicom
from gequnet.data.formats.image_file import ImageFile
from gequnet.data.formats.nifti_image import Nifti
from gequnet.data.formats.open_image import ending_of, format_of
from gequnet.errors import ConfigError


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


def inputs_of(
    given: Sequence[str], namings: Sequence[Sequence[str]] = (), leave_out: Path | None = None
) -> list[Input]:
    """The images that were meant, in the order of the words and then of their names.

    A folder stands for every image in it and below, a pattern for the files that it fits. DICOM files of one folder are
    one image, which has the folder's name. NIfTI files ``NAME_t1``, ``NAME_t2`` are channels of one image, ``NAME``, if
    a naming says so, and other files called ``NAME_…`` beside them are then none.

    Args:
        given: Files, folders, and patterns with ``*``, ``?``, ``[…]`` and ``**``.
        namings: What channels may be called that have a file each, one word for each channel.
        leave_out: A folder in which nothing is looked for.

    Raises:
        ConfigError: Something that was named is not there, or there is no image in it.
    """
    found = [each for word in given for each in _grouped(_files(word, leave_out), namings)]
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


def _grouped(files: Sequence[tuple[Path, PurePath]], namings: Sequence[Sequence[str]]) -> list[Input]:
    """Slices of one folder, and channels of one image, together."""
    groups: dict[tuple[PurePath, bool], dict[int, Path]] = {}
    told: dict[tuple[PurePath, bool], tuple[Path, type[ImageFile] | None]] = {}
    for path, relative in files:
        kind, stem = format_of(path), _stem(relative)
        channel = _channel(stem, namings) if kind is Nifti else None
        if kind is Dicom:
            folder = relative.parent if relative.parent.name else PurePath(path.resolve().parent.name)
            key, number, named = (folder, True), len(groups.get((folder, True), ())), path.parent
        elif channel:
            key, number, named = (stem.with_name(channel[0]), True), channel[1], path
        else:
            key, number, named = (relative, False), 0, path
        groups.setdefault(key, {})[number] = path
        told.setdefault(key, (named, kind))
    cases = [str(name) for name, together in groups if together and told[name, together][1] is Nifti]
    return [
        Input(tuple(parts[number] for number in sorted(parts)), key[0] if key[1] else _stem(key[0]), *told[key])
        for key, parts in groups.items()
        # What else lies beside the channels of an image, its labels, say, is no image.
        if key[1] or told[key][1] is not Nifti or not str(key[0]).startswith(tuple(f"{case}_" for case in cases))
    ]


def _stem(relative: PurePath) -> PurePath:
    """The name without the ending of an image, or without any."""
    return relative.with_name(relative.name[: len(relative.name) - len(ending_of(Path(relative)))] or relative.stem)


def _channel(stem: PurePath, namings: Sequence[Sequence[str]]) -> tuple[str, int] | None:
    """The name of the image, and the number of the channel, if the name is that of one."""
    case, _, suffix = stem.name.rpartition("_")
    return next(((case, naming.index(suffix)) for naming in namings if case and suffix in naming), None)
