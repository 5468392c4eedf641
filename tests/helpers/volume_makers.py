"""Tiny volume datasets in the official layouts: NIfTI files with affines other than the identity."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import nibabel
import numpy as np

SHAPE = (9, 11, 8)
MODALITIES = ("flair", "t1", "t1ce", "t2")
HIPPOCAMPUS = [f"hippocampus_{number:03d}" for number in range(1, 41)]  # some of them in every split


def affine(orientation: str, shape: Sequence[int] = SHAPE, upright: np.ndarray | None = None) -> np.ndarray:
    """Affine of a file with this shape and orientation of axes (``LPS``, say), by nibabel's tables.

    Args:
        orientation: Where each axis of the file runs to.
        shape: Of the file's array.
        upright: The affine that the same volume has when it is turned upright.
    """
    turn = nibabel.orientations.inv_ornt_aff(nibabel.orientations.axcodes2ornt(orientation), shape)
    return (np.eye(4) if upright is None else upright) @ np.linalg.inv(turn)


def write(path: Path, array: np.ndarray, where: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nibabel.Nifti1Image(array, where)
    image.header["descrip"] = b"made"
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)
    return path


def volume(seed: int = 0, shape: Sequence[int] = SHAPE) -> tuple[np.ndarray, np.ndarray]:
    """Noise with two boxes, brighter and labelled 1 and 2."""
    draw = np.random.default_rng(seed)
    labels = np.zeros(shape, np.uint8)
    labels[2:6, 3:6, 2:6], labels[2:6, 6:9, 2:6] = 1, 2
    return (100 + 10 * draw.standard_normal(shape) + 40 * labels).astype(np.float32), labels


def make_msd(root: Path, ids: Sequence[str] = HIPPOCAMPUS, **changes: object) -> Path:
    """Make a task, with ``changes`` to its ``dataset.json``."""
    folder = root / "Task04_Hippocampus"
    for number, sample_id in enumerate(ids):
        image, labels = volume(number)
        write(folder / "imagesTr" / f"{sample_id}.nii.gz", image, np.diag([1.0, 1, 1, 1]))
        write(folder / "labelsTr" / f"{sample_id}.nii.gz", labels, np.diag([1.0, 1, 1, 1]))
    said = {
        "name": "Hippocampus",
        "modality": {"0": "MRI"},
        "labels": {"0": "background", "1": "Anterior", "2": "Posterior"},
        "training": [{"image": f"./imagesTr/{i}.nii.gz", "label": f"./labelsTr/{i}.nii.gz"} for i in ids],
        "test": ["./imagesTs/hippocampus_002.nii.gz"],
    }
    (folder / "dataset.json").write_text(json.dumps(said | changes))
    return folder


def brain(seed: int = 0) -> tuple[Mapping[str, np.ndarray], np.ndarray]:
    """Four modalities and BraTS labels of a brain in a box of (5, 7, 6) voxels from (2, 1, 1) on."""
    draw = np.random.default_rng(seed)
    head = np.zeros(SHAPE, bool)
    head[2:7, 1:8, 1:7] = True
    images = {name: (head * draw.integers(100, 900, SHAPE)).astype(np.int16) for name in MODALITIES}
    labels = np.zeros(SHAPE, np.uint8)
    labels[3:6, 2:6, 2:6], labels[4:6, 3:5, 3:5], labels[4, 3, 3:5] = 2, 4, 1
    return images, labels


def make_brats(root: Path, ids: Sequence[str], suffix: str = ".nii.gz") -> Path:
    """Make folders of subjects, with the axes of the real ones (left, back, head)."""
    where = np.array([[-1.0, 0, 0, 0], [0, -1, 0, 10], [0, 0, 1, 0], [0, 0, 0, 1]])
    for number, sample_id in enumerate(ids):
        images, labels = brain(number)
        for name, array in {**images, "seg": labels}.items():
            write(root / sample_id / f"{sample_id}_{name}{suffix}", array, where)
    return root
