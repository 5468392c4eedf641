"""PRIME-FP20: vessels in fifteen ultra-widefield photographs of the retina."""

from functools import cached_property
from pathlib import Path

from gequnet.data.datasets.find_files import find_file, find_folder
from gequnet.data.datasets.fundus import FundusFiles, FundusSource
from gequnet.data.splits import Splits, read_splits


class PrimeFp20(FundusSource):
    """PRIME-FP20 in its official layout: 4000x4000 pixels, with fields of view, one observer.

    The ids are ``01`` to ``15``. The fluorescein angiographies of the same eyes are not used::

        PRIME-FP20/Images_FP_PRIME-FP20/ImgFP01_PRIME-FP20.tif
        PRIME-FP20/Labels_FP_PRIME-FP20/LabelFP01_PRIME-FP20.png
        PRIME-FP20/Masks_FP_PRIME-FP20/MaskFP01_PRIME-FP20.png

    The field of view is about a third of the image. A photograph takes 80 MB of memory. All that were used stay in
    memory: 1.2 GB after the test. Inference on 16 million pixels at once takes the default U-Net about 8 GB, a C8 net
    25 GB.

    No original photograph was available: the class is tested on synthetic files, and on the labels and fields of view
    10 to 12, which the authors publish with their code.

    Args:
        root: The folder that holds ``PRIME-FP20``, or ``PRIME-FP20`` itself.

    References:
        Ding et al., Weakly-supervised vessel detection in ultra-widefield fundus photography via iterative multi-modal
        registration and learning, IEEE TMI 40(10), 2021. Code: https://github.com/ShamaLabUR/DeepVesselSeg4FP.
    """

    name = "prime_fp20"

    @cached_property
    def folder(self) -> Path:
        """Folder that holds ``Images_FP_PRIME-FP20``."""
        return find_folder(
            "PRIME-FP20",
            self.root,
            ["PRIME-FP20", "PRIME-FP20_DataPort/PRIME-FP20", "prime_fp20"],
            "Images_FP_PRIME-FP20",
            "PRIME-FP20/{Images,Labels,Masks}_FP_PRIME-FP20/{Img,Label,Mask}FP01_PRIME-FP20.{tif,png,png}",
            "https://doi.org/10.21227/ctgj-1367",
        )

    @cached_property
    def splits(self) -> Splits:
        """Committed split: 7 training, 2 validation, 6 test images."""
        return read_splits("prime_fp20")

    def files(self, sample_id: str) -> FundusFiles:
        """Files of one image, such as ``01``."""

        def part(folder: str, file: str) -> Path:
            return find_file(self.folder / f"{folder}_FP_PRIME-FP20", file.format(f"FP{sample_id}_PRIME-FP20"))

        return FundusFiles(
            image=part("Images", "Img{}.tif"),
            mask=part("Labels", "Label{}.png"),
            valid=part("Masks", "Mask{}.png"),
        )
