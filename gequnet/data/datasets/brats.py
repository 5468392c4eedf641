"""BraTS: brain tumours in four modalities of MRI, as nested regions."""

from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from gequnet.data.datasets.find_files import find_folder
from gequnet.data.datasets.volumes import Millimetres, VolumeFiles, VolumeSource
from gequnet.data.errors import MissingModalityError, UnexpectedMaskValuesError
from gequnet.data.source import Split
from gequnet.data.splits.by_hash import split_of

MODALITIES = ("flair", "t1", "t1ce", "t2")
"""The channels of an image, in this order."""

REGIONS = {"whole": (1, 2, 4), "core": (1, 4), "enhancing": (4,)}
"""Labels (1 necrosis, 2 oedema, 4 enhancing tumour) of each region, from the largest region to the smallest."""

REGION_LABELS = {"whole": 2, "core": 1, "enhancing": 4}
"""Label of a voxel whose smallest region is this one."""

NUM_SUBJECTS = {"2020": 369, "2021": 1251}
"""Number of training subjects in each year's release."""

FOLDERS = (
    *("BraTS2021", "BraTS2021_Training_Data", "RSNA_ASNR_MICCAI_BraTS2021_TrainingData"),
    *("BraTS2020", "BraTS20", "MICCAI_BraTS2020_TrainingData"),
    "BraTS2020_TrainingData/MICCAI_BraTS2020_TrainingData",
)


class Brats(VolumeSource):
    """Training subjects of BraTS 2020 or 2021, unpacked in the official layout.

    Each subject has a folder. Its name is the id::

        BraTS2021/BraTS2021_00000/BraTS2021_00000_{flair,t1,t1ce,t2,seg}.nii.gz
        BraTS2020/BraTS20_Training_001/BraTS20_Training_001_{flair,t1,t1ce,t2,seg}.nii

    The mask has three overlapping regions, ``REGIONS``. The tumour core is labels 1 and 4, without the oedema. The
    images are skull-stripped: voxels outside the brain are 0. So a volume is cropped to the brain, about a third of it.

    The split depends on the name of the subject alone, see ``split_of``: 70 % training, 10 % validation, 20 % test.
    The subjects of BraTS 2020 are also in BraTS 2021, under other names. So the two are never pooled.

    Args:
        root: The folder that holds one of ``FOLDERS``, or the folder of the subjects itself.
        spacing: Voxel size in millimetres; see ``VolumeSource`` for this and the arguments below.
        cubic: Use cubic interpolation.
        crop: Crop to the brain.
        cache: Folder of cached volumes.

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
        """Folder that holds the folders of the subjects."""
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
        """Names of the subjects' folders, sorted."""
        return sorted(path.name for path in self.folder.glob("BraTS2*_*") if path.is_dir())

    def ids(self, split: Split) -> list[str]:
        """Subjects of this split that are on disk."""
        return [subject for subject in self.subjects if split_of(subject) == split]

    def left_out(self) -> list[str]:
        """Sentence about missing subjects, if there are fewer than in the release of the year."""
        year = "2020" if all(name.startswith("BraTS20_") for name in self.subjects) else "2021"
        there, distributed = len(self.subjects), NUM_SUBJECTS[year]
        return [f"{there} of the {distributed} subjects of BraTS {year} are there."] if there < distributed else []

    def files(self, sample_id: str) -> VolumeFiles:
        """Four modalities and the labels of one subject.

        Raises:
            MissingModalityError: If one of the four files is missing.
        """
        folder = self.folder / sample_id
        images = tuple(self._file(folder, modality) for modality in MODALITIES)
        for modality, image in zip(MODALITIES, images, strict=True):
            if not image.is_file():
                raise MissingModalityError(self.name, sample_id, modality, image)
        # In BraTS 2020 the labels of subject 355 still have the file name of the hospital.
        misnamed = sorted(folder.glob("*Segm.nii*"))
        return VolumeFiles(images, misnamed[0] if misnamed else self._file(folder, "seg"))

    def mask_of(self, labels: UInt8[np.ndarray, "x y z"], path: Path) -> UInt8[np.ndarray, "3 x y z"]:
        """Mask of 0 and 1 for each region."""
        values = np.unique(labels).tolist()
        if not set(values) <= {0, *REGIONS["whole"]}:
            raise UnexpectedMaskValuesError(path, values, "0, 1, 2 and 4")
        return np.stack([np.isin(labels, parts) for parts in REGIONS.values()]).astype(np.uint8)

    def labels_of(self, mask: UInt8[np.ndarray, "3 x y z"]) -> UInt8[np.ndarray, "x y z"]:
        """BraTS labels: each voxel gets the label of the smallest region that contains it."""
        labels = np.zeros(mask.shape[1:], np.uint8)
        for inside, label in zip(mask, REGION_LABELS.values(), strict=True):
            labels[inside > 0] = label
        return labels

    def _file(self, folder: Path, modality: str) -> Path:
        unpacked = folder / f"{folder.name}_{modality}.nii"
        return unpacked if unpacked.is_file() else folder / f"{folder.name}_{modality}.nii.gz"
