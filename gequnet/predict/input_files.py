"""Input images from files, folders and patterns of the command line."""

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
        name: Name of its output files, without an ending, relative to the input folder.
        path: Path in messages.
        format: Format that reads it; None if no format does.
    """

    files: tuple[Path, ...]
    name: PurePath
    path: Path
    format: type[ImageFile] | None


def find_inputs(
    arguments: Sequence[str], channel_names: Sequence[Sequence[str]] = (), exclude: Path | None = None
) -> list[Input]:
    """Images of the command line, in the order of the arguments and then of their names.

    A folder stands for all images in it and its subfolders, a pattern for the files that match it. DICOM files of one
    folder are one image with the name of the folder. NIfTI files ``NAME_t1``, ``NAME_t2`` are channels of one image
    ``NAME`` if these suffixes are in ``channel_names``; other files ``NAME_…`` beside them are then left out.

    Args:
        arguments: Files, folders, and patterns with ``*``, ``?``, ``[…]`` and ``**``.
        channel_names: Possible suffixes of files with one channel each, one suffix for each channel.
        exclude: A folder that is not searched.

    Raises:
        ConfigError: A file or folder does not exist, or has no image in it.
    """
    images = [each for argument in arguments for each in _grouped(_files(argument, exclude), channel_names)]
    unique = {each.files: each for each in images}  # a file may be given twice, by itself and by a pattern
    return list(unique.values())


def _files(argument: str, exclude: Path | None) -> list[tuple[Path, PurePath]]:
    """Files of one argument, each with its name relative to the searched folder."""
    path = Path(argument).expanduser()
    if path.is_dir():
        found = _images(sorted(path.rglob("*")), path, exclude)
        if not found:
            if exclude and exclude.resolve() in (path.resolve(), *path.resolve().parents):
                raise ConfigError(f"The predictions would be written into {argument}: give another folder with -o.")
            raise ConfigError(f"There is no image in the folder {argument}: give a folder with images.")
        return found
    if path.exists():
        return [(path, PurePath(path.name))]
    if not glob.has_magic(argument):
        raise ConfigError(f"{argument} does not exist: give a file, a folder or a pattern such as 'scans/*.png'.")
    fixed = next(each for each in (path, *path.parents) if not glob.has_magic(str(each)))
    found = _images(sorted(Path(each) for each in glob.glob(str(path), recursive=True)), fixed, exclude)
    if not found:
        raise ConfigError(f"No image matches the pattern {argument}: give files, folders or patterns of images.")
    return found


def _images(paths: Iterable[Path], root: Path, exclude: Path | None) -> list[tuple[Path, PurePath]]:
    relative = [(path, path.relative_to(root)) for path in paths if path.is_file()]
    excluded = exclude.resolve() if exclude else None
    return [
        (path, name)
        for path, name in relative
        if not any(part.startswith(".") for part in name.parts)
        and not (excluded and excluded in path.resolve().parents)
        and format_of(path) is not None
    ]


def _grouped(files: Sequence[tuple[Path, PurePath]], channel_names: Sequence[Sequence[str]]) -> list[Input]:
    """Images from files: slices of one folder, and channels of one image, are grouped."""
    groups: dict[tuple[PurePath, bool], dict[int, Path]] = {}
    facts: dict[tuple[PurePath, bool], tuple[Path, type[ImageFile] | None]] = {}
    for path, relative in files:
        kind, stem = format_of(path), _stem(relative)
        channel = _channel(stem, channel_names) if kind is Nifti else None
        if kind is Dicom:
            folder = relative.parent if relative.parent.name else PurePath(path.resolve().parent.name)
            key, number, named = (folder, True), len(groups.get((folder, True), ())), path.parent
        elif channel:
            key, number, named = (stem.with_name(channel[0]), True), channel[1], path
        else:
            key, number, named = (relative, False), 0, path
        groups.setdefault(key, {})[number] = path
        facts.setdefault(key, (named, kind))
    cases = [str(name) for name, grouped in groups if grouped and facts[name, grouped][1] is Nifti]
    return [
        Input(tuple(parts[number] for number in sorted(parts)), key[0] if key[1] else _stem(key[0]), *facts[key])
        for key, parts in groups.items()
        # Other files beside the channels of an image, for example its labels, are not inputs.
        if key[1] or facts[key][1] is not Nifti or not str(key[0]).startswith(tuple(f"{case}_" for case in cases))
    ]


def _stem(relative: PurePath) -> PurePath:
    """Name without the ending of its format, or without any other ending."""
    return relative.with_name(relative.name[: len(relative.name) - len(ending_of(Path(relative)))] or relative.stem)


def _channel(stem: PurePath, channel_names: Sequence[Sequence[str]]) -> tuple[str, int] | None:
    """Name of the image and number of the channel, if the file holds one channel; else None."""
    case, _, suffix = stem.name.rpartition("_")
    return next(((case, names.index(suffix)) for names in channel_names if case and suffix in names), None)
