"""Small datasets in which one file is damaged: an image, a mask, a volume, or its labels."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from helpers.fuzzed_files import AFFINE, SPACE, VOXELS, fuzzed_content
from helpers.volume_makers import write

DAMAGED, SOUND = "spoilt", ("true", "untouched")
"""Names of the samples; the damaged one is trained on, the others are for validation and test."""

FOLDER = ("data=folder", "data.source.folds=3")
MSD = ("data=msd", "data.source.task=Task99_Fuzzed", "data.class_names=[background,lesion]", "paths.cache=null")


@dataclass(frozen=True)
class HostileDataset:
    """Dataset with one damaged file.

    Args:
        path: The damaged file.
        labels: True if it is a mask or labels.
        words: Configuration of the dataset.
        threshold: Grey level above which a mask is white; None for masks in black and white.
    """

    path: Path
    labels: bool
    words: tuple[str, ...]
    threshold: int | None = None

    @property
    def volumes(self) -> bool:
        """True for volumes, False for pictures."""
        return self.words[0] == MSD[0]


def hostile_dataset(root: Path, number: int) -> HostileDataset:
    """Dataset in ``root`` with a damaged file, the same for the same number: odd numbers damage labels."""
    labels, threshold = number % 2 == 1, 127 if number % 4 == 3 else None
    suffix, content = fuzzed_content(number, labels)
    sound = sound_dataset(root, suffix.startswith(".nii"), labels)
    path = sound.path.with_name(f"{DAMAGED}{suffix}")
    sound.path.unlink()
    path.write_bytes(content)
    if threshold is None or sound.volumes:
        return replace(sound, path=path)
    return replace(sound, path=path, threshold=threshold, words=(*sound.words, f"data.source.threshold={threshold}"))


def sound_dataset(root: Path, volumes: bool, labels: bool = False) -> HostileDataset:
    """Dataset in ``root`` before its file is damaged."""
    folders = sound_volumes(root) if volumes else sound_pictures(root)
    path = folders[labels] / f"{DAMAGED}{'.nii.gz' if volumes else '.png'}"
    return HostileDataset(path, labels, (*(MSD if volumes else FOLDER), f"paths.data={root}"))


def sound_pictures(root: Path) -> tuple[Path, Path]:
    """Folders of the images and of the masks of a dataset of pictures."""
    rng = np.random.default_rng(0)
    mask = np.zeros(SPACE, np.uint8)
    mask[4:14, 4:12] = 255
    return _filled(
        (root / "images", root / "masks"),
        lambda path: Image.fromarray(rng.integers(0, 256, (*SPACE, 3), np.uint8)).save(path.with_suffix(".png")),
        lambda path: Image.fromarray(mask).save(path.with_suffix(".png")),
    )


def sound_volumes(root: Path) -> tuple[Path, Path]:
    """Folders of the images and of the labels of a dataset of volumes."""
    rng, task = np.random.default_rng(0), root / "Task99_Fuzzed"
    labels = np.zeros(VOXELS, np.uint8)
    labels[2:5, 1:4, 1:4] = 1
    folders = _filled(
        (task / "imagesTr", task / "labelsTr"),
        lambda path: write(path.with_suffix(".nii.gz"), rng.random(VOXELS).astype(np.float32), AFFINE),
        lambda path: write(path.with_suffix(".nii.gz"), labels, AFFINE),
    )
    names = (DAMAGED, *SOUND)
    listed = [{"image": f"./imagesTr/{name}.nii.gz", "label": f"./labelsTr/{name}.nii.gz"} for name in names]
    said = {"modality": {"0": "MRI"}, "labels": {"0": "background", "1": "lesion"}, "training": listed}
    (task / "dataset.json").write_text(json.dumps(said))
    return folders


def _filled(folders: tuple[Path, Path], *save: Callable[[Path], object]) -> tuple[Path, Path]:
    for folder, write_one in zip(folders, save, strict=True):
        folder.mkdir(parents=True)
        for name in (DAMAGED, *SOUND):
            write_one(folder / name)
    return folders
