"""VOC2012: photographs of everyday scenes with twenty classes of objects."""

import hashlib
from functools import cached_property
from pathlib import Path

from gequnet.data.datasets.find_files import find_folder
from gequnet.data.errors import (
    DataError,
    MissingImageError,
    MissingMaskError,
    UnreadableFileError,
)
from gequnet.data.formats.masks import PaletteMaskReader
from gequnet.data.formats.pictures import check_size, read_image
from gequnet.data.scene import Scene
from gequnet.data.source import Source, Split
from gequnet.data.transforms.resize import resized
from gequnet.errors import ConfigError, unknown_choice

NAMES = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
VOID = 255
"""Value of borders around objects and of unclear pixels."""

CLASSES = ("foreground", "all")


class Voc2012(Source):
    """Segmentation part of PASCAL VOC 2012: 1464 training and 1449 validation photographs.

    ::

        VOCdevkit/VOC2012/ImageSets/Segmentation/{train,val}.txt
        VOCdevkit/VOC2012/JPEGImages/2007_000032.jpg
        VOCdevkit/VOC2012/SegmentationClass/2007_000032.png    numbers, with a palette

    The labels of the official test are not public. So the official training photographs are for training, one half of
    the official validation photographs for validation, the other half for the test. The SHA-256 of its name decides the
    half of a photograph. Void, a border of some pixels around every object, is in neither the loss nor the scores.

    Args:
        root: The folder that holds ``VOCdevkit`` or ``VOC2012``, or the latter itself.
        classes: ``foreground``: one class, any object. ``all``: background and twenty classes, with a softmax.
        side: Height and width to which photographs are resized, in pixels; None keeps their sizes, up to 500x500.

    Raises:
        ConfigError: If ``classes`` is neither.

    References:
        Everingham et al., The PASCAL visual object classes challenge: a retrospective, IJCV 111, 2015.
    """

    name = "voc2012"

    def __init__(self, root: str | Path, classes: str = "foreground", side: int | None = None) -> None:
        if classes not in CLASSES:
            raise ConfigError(unknown_choice("data.source.classes", classes, list(CLASSES)))
        self.root, self.classes, self.side = Path(root), classes, side
        advice = "the distributed file holds class numbers and not colours: fetch it again"
        self.reader = PaletteMaskReader({name: number for number, name in enumerate(NAMES)}, [VOID], advice)

    @cached_property
    def folder(self) -> Path:
        """Folder of the year, ``VOC2012``."""
        return find_folder(
            "VOC2012",
            self.root,
            ["VOCdevkit/VOC2012", "VOC2012", "voc2012"],
            "ImageSets/Segmentation",
            "VOCdevkit/VOC2012/{ImageSets/Segmentation,JPEGImages,SegmentationClass}",
            "http://host.robots.ox.ac.uk/pascal/VOC/voc2012",
        )

    @cached_property
    def listed(self) -> dict[str, list[str]]:
        """Ids of the official lists ``train`` and ``val``."""
        return {part: self._list(part) for part in ("train", "val")}

    def ids(self, split: Split) -> list[str]:
        """Official training photographs, or one half of the official validation photographs."""
        if split == "train":
            return list(self.listed["train"])
        return [sample_id for sample_id in self.listed["val"] if validation_half(sample_id) == split]

    def load(self, sample_id: str) -> Scene:
        """Photograph, labels and valid pixels."""
        image, mask = self._files(sample_id)
        labels, valid = self.reader.read(mask)
        if self.classes == "foreground":
            labels = labels.clamp(max=1)
        scene = Scene(sample_id, read_image(image), labels, valid)
        return scene if self.side is None else resized(scene, (self.side, self.side))

    def check(self) -> None:
        """Check that every photograph has labels of its size; only headers are read."""
        for sample_id in self.listed["train"] + self.listed["val"]:
            for error in self.missing(sample_id):
                raise error
            image, mask = self._files(sample_id)
            check_size(sample_id, "mask", mask, image)

    def missing(self, sample_id: str) -> list[DataError]:
        """Errors for the photograph and its labels, for each that is missing."""
        image, mask = self._files(sample_id)
        absent: list[DataError] = [] if image.is_file() else [MissingImageError(self.name, sample_id, image)]
        return absent if mask.is_file() else [*absent, MissingMaskError(self.name, sample_id, mask)]

    def _files(self, sample_id: str) -> tuple[Path, Path]:
        return self.folder / "JPEGImages" / f"{sample_id}.jpg", self.folder / "SegmentationClass" / f"{sample_id}.png"

    def _list(self, part: str) -> list[str]:
        path = self.folder / "ImageSets" / "Segmentation" / f"{part}.txt"
        try:
            return path.read_text(encoding="utf-8").split()
        except OSError as error:
            raise UnreadableFileError(path, error.strerror or "no list of names") from error


def validation_half(sample_id: str) -> Split:
    """Split of a photograph of the official validation: ``val`` or ``test``.

    >>> [validation_half(name) for name in ("2007_000033", "2007_000042", "2007_000061")]
    ['test', 'val', 'test']
    """
    return "val" if hashlib.sha256(sample_id.encode()).digest()[0] < 128 else "test"
