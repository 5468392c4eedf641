"""STARE: vessels in twenty photographs, half of them with pathology, traced by two observers."""

from functools import cached_property
from pathlib import Path

from gequnet.data.datasets.find_files import find_file, find_folder
from gequnet.data.datasets.fundus import FundusFiles, FundusSource
from gequnet.data.splits import Splits, read_splits


class Stare(FundusSource):
    """STARE in its official layout: 700x605 pixels, two observers, no field of view (it is estimated).

    The observers are Hoover (the reference) and Kouznetsova. The files of each of the three official archives are in a
    folder with the name of the archive, packed or unpacked::

        STARE/stare-images/im0001.ppm.gz    STARE/labels-ah/im0001.ah.ppm.gz    STARE/labels-vk/im0001.vk.ppm.gz

    Args:
        root: The folder that holds ``STARE``, or ``STARE`` itself.

    References:
        Hoover, Kouznetsova and Goldbaum, Locating blood vessels in retinal images by piecewise threshold probing of a
        matched filter response, IEEE TMI 19(3), 2000.
    """

    name = "stare"

    @cached_property
    def folder(self) -> Path:
        """Folder that holds ``stare-images``."""
        return find_folder(
            "STARE",
            self.root,
            ["STARE", "stare"],
            "stare-images",
            "STARE/stare-images/im0001.ppm, labels-ah/im0001.ah.ppm and labels-vk/im0001.vk.ppm (or .ppm.gz)",
            "https://cecas.clemson.edu/~ahoover/stare",
        )

    @cached_property
    def splits(self) -> Splits:
        """Committed split: 10 training, 2 validation, 8 test images."""
        return read_splits("stare")

    def files(self, sample_id: str) -> FundusFiles:
        """Files of one image, such as ``im0001``."""

        def part(folder: str, name: str) -> Path:
            return find_file(self.folder / folder, f"{name}.ppm", f"{name}.ppm.gz")

        return FundusFiles(
            image=part("stare-images", sample_id),
            mask=part("labels-ah", f"{sample_id}.ah"),
            second=part("labels-vk", f"{sample_id}.vk"),
        )
