"""BraTS: brain tumours in four modalities of MRI, as regions that lie within each other."""

from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from gequnet.data.datasets.volumes import Millimetres, VolumeFiles, VolumeSource
from gequnet.data.errors import MissingModalityError, UnexpectedMaskValuesError
from gequnet.data.formats.picture_files import find_folder
from gequnet.data.source import Split
from gequnet.data.splits.by_hash import split_of

MODALITIES = ("flair", "t1", "t1ce", "t2")
"""The channels of an image, in this order."""

REGIONS = {"whole": (1, 2, 4), "core": (1, 4), "enhancing": (4,)}
"""Which labels (1 necrosis, 2 oedema, 4 enhancing tumour) each region is made of, from the largest to the smallest."""

REGION_LABELS = {"whole": 2, "core": 1, "enhancing": 4}
"""The label of what is in this region and in no smaller one."""

NUM_SUBJECTS = {"2020": 369, "2021": 1251}
"""Training subjects of each year."""

FOLDERS = (
    *("BraTS2021", "BraTS2021_Training_Data", "RSNA_ASNR_MICCAI_BraTS2021_TrainingData"),
    *("BraTS2020", "BraTS20", "MICCAI_BraTS2020_TrainingData"),
    "BraTS2020_TrainingData/MICCAI_BraTS2020_TrainingData",
)


class Brats(VolumeSource):
    """The training subjects of BraTS 2020 or 2021, as they are distributed and unpacked.

    Each subject has a folder, whose name is its id::

        BraTS2021/BraTS2021_00000/BraTS2021_00000_{flair,t1,t1ce,t2,seg}.nii.gz
        BraTS2020/BraTS20_Training_001/BraTS20_Training_001_{flair,t1,t1ce,t2,seg}.nii

    The mask has three regions that overlap, ``REGIONS``: the tumour core is labels 1 and 4, without the oedema.
    The skull is cut away and there 0 stands for nothing, so a volume is cropped to the brain: about a third of it.

    The split is by the name of the subject alone, ``split_of``: 70 % train, 10 % validate, 20 % test. Subjects of
    BraTS 2020 are in BraTS 2021 under other names, so the two are never pooled.

    Args:
        root: The folder that holds one of ``FOLDERS``, or the folder of the subjects itself.
        spacing: See ``VolumeSource``, as are ``cubic``, ``crop`` and ``cache``.
        cubic: Cubic interpolation.
        crop: Cut to the brain.
        cache: Folder of finished volumes.

    References:
        Menze et al., The Multimodal Brain Tumor Image Segmentation Benchmark, IEEE TMI 34, 2015; Baid et al., 2021,
        arXiv:2107.02314.
    """

    name = "brats"

    def __init__(
        self,
        root: str | Path,
        spacing: Millimetres | None = None,
        cubic: bool = False,
        crop: bool = True,
        cache: str | Path | None = None,
    ) -> None:
        super().__init__(root, spacing, cubic, crop, cache)

    @cached_property
    def folder(self) -> Path:
        """The folder of the subjects."""
        return find_folder(
            "BraTS",
            self.root,
            FOLDERS,
            "BraTS2*_*/BraTS2*_*.nii*",
            "a folder BraTS2021_00000 or BraTS20_Training_001 of each subject, with …_{flair,t1,t1ce,t2,seg}.nii.gz",
            "https://www.synapse.org/brats",
        )

    @cached_property
    def subjects(self) -> list[str]:
        """The names of the subjects' folders."""
        return sorted(path.name for path in self.folder.glob("BraTS2*_*") if path.is_dir())

    def ids(self, split: Split) -> list[str]:
        """The subjects that are there and in this split."""
        return [subject for subject in self.subjects if split_of(subject) == split]

    def left_out(self) -> list[str]:
        """Subjects that are not there, by the number of those that were distributed that year."""
        year = "2020" if all(name.startswith("BraTS20_") for name in self.subjects) else "2021"
        there, distributed = len(self.subjects), NUM_SUBJECTS[year]
        return [f"{there} of the {distributed} subjects of BraTS {year} are there."] if there < distributed else []

    def files(self, sample_id: str) -> VolumeFiles:
        """The four modalities and the labels of one subject.

        Raises:
            MissingModalityError: If one of the four is not there.
        """
        folder = self.folder / sample_id
        images = tuple(self._file(folder, modality) for modality in MODALITIES)
        for modality, image in zip(MODALITIES, images, strict=True):
            if not image.is_file():
                raise MissingModalityError(self.name, sample_id, modality, image)
        # In BraTS 2020 the labels of subject 355 were left with the name that they had at the hospital.
        misnamed = sorted(folder.glob("*Segm.nii*"))
        return VolumeFiles(images, misnamed[0] if misnamed else self._file(folder, "seg"))

    def mask_of(self, labels: UInt8[np.ndarray, "x y z"], path: Path) -> UInt8[np.ndarray, "3 x y z"]:
        """The regions, each as a mask of 0 and 1."""
        values = np.unique(labels).tolist()
        if not set(values) <= {0, *REGIONS["whole"]}:
            raise UnexpectedMaskValuesError(path, values, "0, 1, 2 and 4")
        return np.stack([np.isin(labels, parts) for parts in REGIONS.values()]).astype(np.uint8)

    def labels_of(self, mask: UInt8[np.ndarray, "3 x y z"]) -> UInt8[np.ndarray, "x y z"]:
        """The labels of BraTS: each voxel by the smallest region that it is in."""
        labels = np.zeros(mask.shape[1:], np.uint8)
        for inside, label in zip(mask, REGION_LABELS.values(), strict=True):
            labels[inside > 0] = label
        return labels

    def _file(self, folder: Path, what: str) -> Path:
        unpacked = folder / f"{folder.name}_{what}.nii"
        return unpacked if unpacked.is_file() else folder / f"{folder.name}_{what}.nii.gz"
