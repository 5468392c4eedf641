"""ISBI 2012: neuronal membranes in thirty slices of electron microscopy."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from jaxtyping import UInt8
from torch import Tensor

from gequnet.data.datasets.find_files import find_folder
from gequnet.data.errors import DataError, DatasetNotFoundError, MissingImageError, MissingMaskError
from gequnet.data.formats.masks import read_binary
from gequnet.data.formats.pictures import check_size, page_count, read_grey
from gequnet.data.scene import Scene
from gequnet.data.source import Split
from gequnet.data.splits import Splits, label_hash, read_splits
from gequnet.data.splits.folds import FoldedSource, blocks

IDS = [f"slice_{number:02d}" for number in range(1, 31)]
PICTURES = (".tif", ".tiff", ".png")


@dataclass(frozen=True)
class SliceFile:
    """Place of one slice on disk.

    Args:
        path: File of this slice, or of the whole volume.
        page: Index of its page in the file.
    """

    path: Path
    page: int = 0


class Isbi2012(FoldedSource):
    """Labelled slices of the 2012 challenge: 512x512 pixels of 4x4 nm, 50 nm apart.

    Each volume is a TIFF of thirty pages, or a folder of pictures in the order of their numbers::

        ISBI2012/train-volume.tif     ISBI2012/train-volume/0.png
        ISBI2012/train-labels.tif     ISBI2012/train-labels/0.png

    Membranes are black in the files and foreground here. Neighbouring slices look alike, so folds are blocks of
    consecutive slices, and a training slice next to a test slice is left out. The slices are split before any patch is
    cut or deformed. The committed split, ``fold=None``, has slices 1 to 18 for training, 19 to 24 for validation, 25 to
    30 for the test. ``facts`` holds the number of the ``slice``, from 1.

    The labels of the thirty slices of ``test-volume`` are not public. If these slices are on disk, they are
    ``unlabelled_images``.

    Args:
        root: The folder that holds ``ISBI2012``, or ``ISBI2012`` itself.
        fold: Index of the test block, see ``FoldedSource``.
        folds: Number of blocks.

    References:
        Arganda-Carreras et al., Crowdsourcing the creation of image segmentation algorithms for connectomics,
        Frontiers in Neuroanatomy 9, 2015. Cardona et al., An integrated micro- and macroarchitectural analysis of the
        Drosophila brain by computer-assisted serial section electron microscopy, PLoS Biology 8(10), 2010.
    """

    name = "isbi2012"

    def __init__(self, root: str | Path, fold: int | None = 0, folds: int = 5) -> None:
        super().__init__(fold, folds)
        self.root = Path(root)
        self._differ: list[str] = []

    @cached_property
    def folder(self) -> Path:
        """Folder that holds the volumes."""
        return find_folder(
            "ISBI 2012",
            self.root,
            ["ISBI2012", "isbi2012"],
            "train-volume*",
            "ISBI2012/train-volume.tif and train-labels.tif, or folders of slices train-volume and train-labels",
            "https://imagej.net/events/isbi-2012-segmentation-challenge",
        )

    @cached_property
    def committed(self) -> Splits:
        """Committed split, with hashes of all labels."""
        return read_splits("isbi2012")

    @cached_property
    def images(self) -> list[SliceFile]:
        """Slices of the image volume, in order."""
        return _slices(self.folder, "train-volume")

    @cached_property
    def masks(self) -> list[SliceFile]:
        """Slices of the label volume, in order."""
        return _slices(self.folder, "train-labels")

    def dealt(self) -> list[list[str]]:
        """Folds: blocks of consecutive slices."""
        return blocks(IDS, self.folds)

    def own_split(self, split: Split) -> list[str]:
        """Ids of the committed split: 18, 6 and 6 slices."""
        return list(self.committed.ids[split])

    def ids(self, split: Split) -> list[str]:
        """Slices of a split; for training without those next to a test slice."""
        ids = super().ids(split)
        if split != "train":
            return ids
        tested = [IDS.index(sample_id) for sample_id in super().ids("test")]
        beside = {IDS[place + step] for place in tested for step in (-1, 1) if 0 <= place + step < len(IDS)}
        return [sample_id for sample_id in ids if sample_id not in beside]

    def load(self, sample_id: str) -> Scene:
        """Slice and mask of its membranes."""
        place = IDS.index(sample_id)
        image = read_grey(self.images[place].path, self.images[place].page)
        mask = self._membranes(place)
        return Scene(sample_id, image, mask, torch.ones(mask.shape, dtype=torch.bool))

    def facts(self, sample_id: str) -> dict[str, str | float]:
        """The number of the ``slice``, from 1."""
        return {"slice": str(IDS.index(sample_id) + 1)}

    def check(self) -> None:
        """Check that there are thirty slices with black-and-white labels of their size."""
        for sample_id in IDS:
            for error in self.missing(sample_id):
                raise error
            self._check_size(sample_id)
        self._differ = [sample_id for sample_id in IDS if self.label_differs(sample_id)]

    def missing(self, sample_id: str) -> list[DataError]:
        """Errors for the slice and its labels, for each volume that ends before it."""
        place, errors = IDS.index(sample_id), list[DataError]()
        if place >= len(self.images):
            errors.append(MissingImageError(self.name, sample_id, self.folder / "train-volume"))
        if place >= len(self.masks):
            errors.append(MissingMaskError(self.name, sample_id, self.folder / "train-labels"))
        return errors

    def label_differs(self, sample_id: str) -> bool:
        """True if the hash of the labels differs from that of the committed split."""
        return label_hash(self._membranes(IDS.index(sample_id))) != self.committed.labels[sample_id]

    def labels_differ(self) -> list[str]:
        """Slices whose labels, at the last ``check``, differed from those of the committed split."""
        return self._differ

    def unlabelled_images(self) -> Iterator[tuple[str, Tensor]]:
        """Names and images of the slices of ``test-volume``, if it is on disk."""
        try:
            unlabelled = _slices(self.folder, "test-volume")
        except DatasetNotFoundError:
            return
        for number, each in enumerate(unlabelled, start=1):
            yield f"test_slice_{number:02d}", read_grey(each.path, each.page)

    def _check_size(self, sample_id: str) -> None:
        place = IDS.index(sample_id)
        check_size(sample_id, "mask", self.masks[place].path, self.images[place].path)

    def _membranes(self, place: int) -> UInt8[Tensor, "h w"]:
        return 1 - read_binary(self.masks[place].path, page=self.masks[place].page)


def _slices(folder: Path, volume: str) -> list[SliceFile]:
    """Slices of a volume: pages of one file, or files in the order of the last number in their names."""
    for suffix in PICTURES:
        whole = folder / f"{volume}{suffix}"
        if whole.is_file():
            return [SliceFile(whole, page) for page in range(page_count(whole))]
    single = [path for path in (folder / volume).glob("*") if path.suffix.lower() in PICTURES]
    return [SliceFile(path) for path in sorted(single, key=_number)]


def _number(path: Path) -> tuple[int, str]:
    found = re.findall(r"\d+", path.stem)
    return (int(found[-1]) if found else -1), path.name
