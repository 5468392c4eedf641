"""Scenes on disk, ready for use: what is slow to decode, to crop or to resample is done once."""

import hashlib
import logging
import pickle
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from gequnet.data.errors import CacheError
from gequnet.data.formats.atomic_write import atomic_path
from gequnet.data.formats.nifti import Geometry
from gequnet.data.scene import Scene

log = logging.getLogger(__name__)

FORMAT = 1
"""To be raised when scenes are made or stored in another way, so that older files are not taken for new ones."""


class SceneFiles:
    """A folder of finished scenes, each a file whose name is the hash of all that it was made from.

    So it never has to be emptied to be right: other files, or other settings, are other names. A file appears whole or
    not at all, and processes, and runs, may share the folder. Scenes are mapped into memory and not read: a patch
    touches the pages that it lies in, and what the machine keeps in memory is the machine's to decide, so a dataset may
    be larger than that.

    What it saves, in processor time: a brain of BraTS (four modalities of 240x240x155, packed, cropped) takes 820 ms
    from its files and 9 ms from here, for the hash of the files; a hippocampus (35x50x36) 10 and 1 ms, and 47 and 1 ms
    where it is resampled to .7 mm. So of 1000 brains each run is spared a quarter of an hour, of 200 hippocampi two
    seconds.

    Args:
        folder: Where the files are; it is made when there is something to keep.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder).expanduser()

    def scene(self, files: Sequence[Path], settings: Any, make: Callable[[], Scene]) -> Scene:
        """The scene that was made from these files with these settings; made, and kept, if it was not.

        Args:
            files: All that ``make`` reads.
            settings: All else that the scene depends on; its ``repr`` has to tell.
            make: Makes the scene.

        Raises:
            CacheError: If it cannot be written.
        """
        path = self.folder / f"{key_of(files, settings)}.pt"
        scene = _read(path)
        if scene is None:
            _write(path, make())
            scene = _read(path)
            assert scene is not None
        return scene


def key_of(files: Sequence[Path], settings: Any) -> str:
    """Hash of the bytes of the files, in order, and of the settings."""
    digest = hashlib.sha256(repr((FORMAT, settings)).encode())
    for file in files:
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()[:32]


def _write(path: Path, scene: Scene) -> None:
    parts = {name: getattr(scene, name) for name in ("id", "image", "mask", "valid", "spacing")}
    geometry = None if scene.geometry is None else asdict(scene.geometry)
    try:
        with atomic_path(path) as part, part.open("wb") as file:
            torch.save(parts | {"geometry": geometry}, file)
    except OSError as error:
        raise CacheError(path.parent, error.strerror or str(error)) from error


def _read(path: Path) -> Scene | None:
    """The scene in the file; None if there is no such file, or a damaged one."""
    try:
        stored = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except FileNotFoundError:
        return None
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError):
        log.warning("%s is damaged and is made again.", path)
        return None
    geometry = stored.pop("geometry")
    return Scene(**stored, geometry=None if geometry is None else Geometry(**geometry))
