"""HRF: vessels in 45 high-resolution photographs of healthy, diabetic and glaucomatous eyes."""

from functools import cached_property
from pathlib import Path

from gequnet.data.datasets.find_files import find_file, find_folder
from gequnet.data.datasets.fundus import FundusFiles, FundusSource
from gequnet.data.splits import Splits, read_splits


class Hrf(FundusSource):
    """HRF in its official layout: 3504x2336 pixels, with fields of view, one observer.

    An id is the number of the eye and its kind: ``h`` healthy, ``dr`` diabetic, ``g`` glaucomatous::

        HRF/images/01_dr.JPG    HRF/manual1/01_dr.tif    HRF/mask/01_dr_mask.tif

    A photograph takes 41 MB of memory. All that were used stay in memory: 0.6 GB in training, 1.9 GB after the test.

    Args:
        root: The folder that holds ``HRF``, or ``HRF`` itself.

    References:
        Budai et al., Robust vessel segmentation in fundus images, International Journal of Biomedical Imaging, 2013.
    """

    name = "hrf"

    @cached_property
    def folder(self) -> Path:
        """Folder that holds ``images``."""
        return find_folder(
            "HRF",
            self.root,
            ["HRF", "hrf"],
            "manual1",
            "HRF/images/01_dr.JPG, manual1/01_dr.tif and mask/01_dr_mask.tif",
            "https://www5.cs.fau.de/research/data/fundus-images",
        )

    @cached_property
    def splits(self) -> Splits:
        """Committed split: 12 training, 3 validation, 30 test images, with equal shares of the three kinds."""
        return read_splits("hrf")

    def files(self, sample_id: str) -> FundusFiles:
        """Files of one image, such as ``01_dr``."""
        return FundusFiles(
            image=find_file(self.folder / "images", f"{sample_id}.jpg"),
            mask=find_file(self.folder / "manual1", f"{sample_id}.tif"),
            valid=find_file(self.folder / "mask", f"{sample_id}_mask.tif"),
        )
