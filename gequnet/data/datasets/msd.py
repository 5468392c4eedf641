"""Medical Segmentation Decathlon: ten tasks in one layout, among them the hippocampus."""

import json
import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from gequnet.data.datasets.find_files import find_folder
from gequnet.data.datasets.volumes import Millimetres, VolumeFiles, VolumeSource, labels_as_uint8
from gequnet.data.errors import (
    DatasetNotFoundError,
    FactMismatchError,
    LabelNumbersError,
    UnexpectedMaskValuesError,
    UnreadableFileError,
)
from gequnet.data.formats.mask_values import shares_of
from gequnet.data.formats.nifti import read_nifti
from gequnet.data.nodata import Nodata
from gequnet.data.source import Split
from gequnet.data.splits import Splits, label_hash, read_splits
from gequnet.data.splits.by_hash import split_of

HIPPOCAMPUS = "Task04_Hippocampus"
NUM_LABELLED = {HIPPOCAMPUS: 260}
"""Number of labelled volumes of a task."""


class Msd(VolumeSource):
    """Labelled volumes of one task, unpacked in the official layout.

    ::

        Task04_Hippocampus/dataset.json
        Task04_Hippocampus/imagesTr/hippocampus_001.nii.gz    labelsTr/hippocampus_001.nii.gz

    An id is the name of a file. ``dataset.json`` lists them. The volumes of ``imagesTs`` have no labels and are not
    used. The split depends on the name of the subject alone, see ``split_of``, for any task and any part of it. For 200
    volumes of the hippocampus the split is committed, with hashes of their labels.

    Args:
        root: The folder that holds the task's folder, or that folder itself.
        task: Name of the task's folder.
        class_names: Classes, background first, in the order of ``dataset.json``: in small letters, ``_`` for spaces.
            They are compared with ``dataset.json``; None skips the comparison.
        in_channels: Number of modalities, compared in the same way.
        spacing: Voxel size in millimetres; see ``VolumeSource`` for this and the arguments below.
        cubic: Use cubic interpolation.
        crop: Crop to the box of voxels that are not 0.
        cache: Folder of cached volumes.
        nodata: Value or values of voxels without data.

    References:
        Antonelli et al., The Medical Segmentation Decathlon, Nature Communications 13, 2022, arXiv:2106.05735.
    """

    name = "msd"

    def __init__(
        self,
        root: str | Path,
        task: str = HIPPOCAMPUS,
        class_names: Sequence[str] | None = None,
        in_channels: int | None = None,
        spacing: Millimetres | None = None,
        cubic: bool = False,
        crop: bool = False,
        cache: str | Path | None = None,
        nodata: Nodata = None,
    ) -> None:
        super().__init__(root, spacing, cubic, crop, cache, nodata)
        self.task, self.in_channels = task, in_channels
        self.class_names = None if class_names is None else list(class_names)
        self._differ: list[str] = []

    @cached_property
    def folder(self) -> Path:
        """Folder of the task."""
        return find_folder(
            self.task,
            self.root,
            [self.task],
            "dataset.json",
            f"{self.task}/dataset.json with imagesTr and labelsTr",
            "http://medicaldecathlon.com",
        )

    @cached_property
    def declared(self) -> dict[str, Any]:
        """Content of ``dataset.json``."""
        path = self.folder / "dataset.json"
        try:
            description: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            _ = (
                description["labels"].items(),
                description["modality"].items(),
                [pair["image"] for pair in description["training"]],
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnreadableFileError(path, f"no description of a task: {type(error).__name__} {error}") from error
        labels = list(description["labels"])
        if set(labels) != {str(number) for number in range(len(labels))}:
            raise LabelNumbersError(path, labels)
        return description

    @cached_property
    def committed(self) -> Splits | None:
        """Committed split; None if the task has none."""
        return read_splits("msd_hippocampus") if self.task == HIPPOCAMPUS else None

    def ids(self, split: Split) -> list[str]:
        """Listed volumes whose subject is in this split; those of the committed split if there is no folder."""
        try:
            listed = sorted(_stem(pair["image"]) for pair in self.declared["training"])
        except DatasetNotFoundError:
            if self.committed is None:
                raise
            return list(self.committed.ids[split])
        return [sample_id for sample_id in listed if split_of(subject_of(sample_id)) == split]

    def files(self, sample_id: str) -> VolumeFiles:
        """Image and labels of one volume."""
        images, labels = self.folder / "imagesTr", self.folder / "labelsTr"
        return VolumeFiles((_nifti_path(images, sample_id),), _nifti_path(labels, sample_id))

    def mask_of(self, labels: UInt8[np.ndarray, "x y z"], path: Path) -> UInt8[np.ndarray, "x y z"]:
        """Labels unchanged: they are the classes."""
        known = {int(number) for number in self.declared["labels"]}
        shares = shares_of(labels)
        if not known.issuperset(shares):
            advice = "correct the labels in dataset.json, or those of the file"
            raise UnexpectedMaskValuesError(path, shares, f"{sorted(known)}, as in dataset.json", advice)
        return labels

    def check(self) -> None:
        """Check the facts against ``dataset.json``, and that every file that it lists exists and fits."""
        self._check_facts()
        super().check()
        self._differ = sorted(filter(self.label_differs, {_stem(pair["image"]) for pair in self.declared["training"]}))

    def labels_differ(self) -> list[str]:
        """Ids whose labels, at the last ``check``, differed from those of the committed split."""
        return self._differ

    def label_differs(self, sample_id: str) -> bool:
        """True if the hash of the labels differs from that of the committed split."""
        known = {} if self.committed is None else self.committed.labels
        return sample_id in known and self._label_hash(sample_id) != known[sample_id]

    def left_out(self) -> list[str]:
        """Sentence about missing volumes, if ``dataset.json`` lists fewer than the task has as distributed."""
        listed, distributed = len(self.declared["training"]), NUM_LABELLED.get(self.task, 0)
        if listed >= distributed:
            return []
        return [f"dataset.json lists {listed} volumes; as distributed {self.task} has {distributed} with labels."]

    def facts(self, sample_id: str) -> dict[str, str | float]:
        """The ``subject``, which may have several volumes."""
        return {"subject": subject_of(sample_id)}

    def _label_hash(self, sample_id: str) -> str:
        path = self.files(sample_id).mask
        return label_hash(torch.from_numpy(np.ascontiguousarray(labels_as_uint8(read_nifti(path)[0], path))))

    def _check_facts(self) -> None:
        labels = {int(number): name for number, name in self.declared["labels"].items()}
        names = [labels[number].lower().replace(" ", "_") for number in sorted(labels)]
        if self.class_names is not None and self.class_names != names:
            written = f"[{','.join(self.class_names)}]"
            raise FactMismatchError(self.task, "class_names", written, f"[{','.join(names)}]", "dataset.json")
        channels = len(self.declared["modality"])
        if self.in_channels is not None and self.in_channels != channels:
            raise FactMismatchError(self.task, "in_channels", self.in_channels, channels, "dataset.json")


def subject_of(sample_id: str) -> str:
    """Subject of a volume, from its id.

    The volumes of the hippocampus are the left and the right side of each subject. The dataset does not document this,
    but the volumes 2k - 1 and 2k are alike: among 200 volumes there are 51 such pairs, and their intensities (at five
    percentiles) differ by 5 % in the median; those of 2k and 2k + 1 by a third, those of any two volumes by a factor of
    6. So a pair is one subject. In other tasks a volume is a subject.

    Example:
        >>> subject_of("hippocampus_007") == subject_of("hippocampus_008") != subject_of("hippocampus_009")
        True
        >>> subject_of("spleen_12")
        'spleen_12'
    """
    found = re.fullmatch(r"hippocampus_(\d+)", sample_id)
    return f"hippocampus_pair_{(int(found[1]) + 1) // 2:03d}" if found else sample_id


def _stem(name: str) -> str:
    return re.sub(r"\.nii(\.gz)?$", "", Path(name).name)


def _nifti_path(folder: Path, sample_id: str) -> Path:
    unpacked = folder / f"{sample_id}.nii"
    return unpacked if unpacked.is_file() else folder / f"{sample_id}.nii.gz"
