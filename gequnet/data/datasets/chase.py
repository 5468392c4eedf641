"""CHASE_DB1: vessels in photographs of both eyes of fourteen children, traced by two observers."""

from functools import cached_property
from pathlib import Path

from gequnet.data.datasets.find_files import find_file, find_folder
from gequnet.data.datasets.fundus import FundusFiles, FundusSource
from gequnet.data.errors import DatasetNotFoundError
from gequnet.data.splits import Splits, read_splits


class Chase(FundusSource):
    """CHASE_DB1 in its official layout: 999x960 pixels, two observers, no field of view (it is estimated).

    All files lie in one folder. An id is the number of the child and the eye::

        CHASEDB1/Image_01L.jpg    CHASEDB1/Image_01L_1stHO.png    CHASEDB1/Image_01L_2ndHO.png

    The split is by child: of all 28 images, those of children 11 to 14 are the test images. Some copies hold only the
    first 20 images. Then another split is used, with children 8 to 10 as the test; ``splits.name`` is the one in use.

    Args:
        root: The folder that holds ``CHASEDB1``, or ``CHASEDB1`` itself.

    References:
        Fraz et al., An ensemble classification-based approach applied to retinal blood vessel segmentation, IEEE TBME
        59(9), 2012.
    """

    name = "chase"

    @cached_property
    def folder(self) -> Path:
        """Folder that holds the images."""
        return find_folder(
            "CHASE_DB1",
            self.root,
            ["CHASEDB1", "CHASE_DB1", "chase"],
            "Image_*.jpg",
            "CHASEDB1/Image_01L.jpg, Image_01L_1stHO.png and Image_01L_2ndHO.png",
            "https://researchinnovation.kingston.ac.uk/en/datasets/chasedb1-retinal-vessel-reference-dataset-4",
        )

    @cached_property
    def splits(self) -> Splits:
        """Split of all 28 images, or of the first 20 if the copy has no others."""
        complete = read_splits("chase")
        try:
            present = {path.stem.removeprefix("Image_") for path in self.folder.glob("Image_*.jpg")}
        except DatasetNotFoundError:
            return complete
        return complete if present & set(complete.ids["test"]) else read_splits("chase_subset")

    def left_out(self) -> list[str]:
        """Sentence about children 11 to 14, if they are missing."""
        if self.splits.name == "chase":
            return []
        return [
            "Children 11 to 14 are not there: the split of the first 20 of the 28 images is used, and its scores "
            "do not compare with those of all images."
        ]

    def files(self, sample_id: str) -> FundusFiles:
        """Files of one image, such as ``01L``."""
        return FundusFiles(
            image=find_file(self.folder, f"Image_{sample_id}.jpg"),
            mask=find_file(self.folder, f"Image_{sample_id}_1stHO.png"),
            second=find_file(self.folder, f"Image_{sample_id}_2ndHO.png"),
        )
