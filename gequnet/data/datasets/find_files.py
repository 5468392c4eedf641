"""Search for the folders and files of a dataset."""

from collections.abc import Sequence
from pathlib import Path

from gequnet.data.errors import DatasetNotFoundError


def find_folder(name: str, root: Path, folders: Sequence[str], marker: str, layout: str, source: str) -> Path:
    """Folder of a dataset: one of ``folders`` under ``root``, or ``root`` itself, recognised by a marker.

    Args:
        name: Name of the dataset, for the error.
        root: Folder of all datasets, or of this one.
        folders: Possible names of the dataset's folder.
        marker: Glob pattern that matches only in the right folder.
        layout: Layout in words, for the error.
        source: Address of the dataset, for the error.

    Raises:
        DatasetNotFoundError: If no candidate holds the marker.
    """
    candidates = [*(root / folder for folder in folders), root]
    for candidate in candidates:
        if candidate.is_dir() and next(candidate.glob(marker), None) is not None:
            return candidate
    raise DatasetNotFoundError(name, [candidate.absolute() for candidate in candidates], layout, source)


def find_file(folder: Path, *names: str) -> Path:
    """Path of the first of ``names`` in ``folder``, ignoring case; if there is none, the path of the first name."""
    present = {path.name.lower(): path for path in folder.glob("*")} if folder.is_dir() else {}
    return next((present[name.lower()] for name in names if name.lower() in present), folder / names[0])
