"""DRIVE: vessels in forty fundus photographs, the most used benchmark of vessel segmentation."""

from functools import cached_property
from pathlib import Path

from gequnet.data.datasets.find_files import find_file, find_folder
from gequnet.data.datasets.fundus import FundusFiles, FundusSource
from gequnet.data.splits import Splits, read_splits


class Drive(FundusSource):
    """DRIVE in its official layout: 565x584 pixels, with fields of view, two observers for the test images.

    The split is the official one, with every fifth training image for validation. Layout::

        DRIVE/training/images/21_training.tif        DRIVE/test/images/01_test.tif
        DRIVE/training/1st_manual/21_manual1.gif     DRIVE/test/1st_manual/01_manual1.gif
        DRIVE/training/mask/21_training_mask.gif     DRIVE/test/mask/01_test_mask.gif
                                                     DRIVE/test/2nd_manual/01_manual2.gif

    Args:
        root: The folder that holds ``DRIVE``, or ``DRIVE`` itself.

    References:
        Staal et al., Ridge-based vessel segmentation in color images of the retina, IEEE TMI 23(4), 2004.
    """

    name = "drive"

    @cached_property
    def folder(self) -> Path:
        """Folder that holds ``training`` and ``test``."""
        return find_folder(
            "DRIVE",
            self.root,
            ["DRIVE", "drive"],
            "training/images",
            "DRIVE/training/{images,1st_manual,mask} and DRIVE/test/{images,1st_manual,2nd_manual,mask}",
            "https://drive.grand-challenge.org",
        )

    @cached_property
    def splits(self) -> Splits:
        """Committed split: 16 training, 4 validation, 20 test images."""
        return read_splits("drive")

    def files(self, sample_id: str) -> FundusFiles:
        """Files of one image, such as ``21_training`` or ``01_test``."""
        number, part = sample_id.split("_")
        folder = self.folder / part
        return FundusFiles(
            image=find_file(folder / "images", f"{sample_id}.tif"),
            mask=find_file(folder / "1st_manual", f"{number}_manual1.gif"),
            valid=find_file(folder / "mask", f"{sample_id}_mask.gif"),
            second=find_file(folder / "2nd_manual", f"{number}_manual2.gif") if part == "test" else None,
        )
