"""Cats: 81 photographs, each with one cat that somebody has cut out by hand."""

import hashlib
from functools import cached_property
from pathlib import Path

import torch

from gequnet.data.errors import DataError, MissingImageError, MissingMaskError
from gequnet.data.formats.picture_files import check_size, find_folder, read_binary, read_image
from gequnet.data.scene import Scene
from gequnet.data.source import Split
from gequnet.data.splits import Splits, read_splits
from gequnet.data.splits.folds import FoldedSource, folds
from gequnet.data.transforms.resize import resized

IDS = [f"cat_{number:02d}" for number in range(81)]
FIRST_OF_TEST = 60
"""The number from which on photographs lie in the folder ``Test``."""

THRESHOLD = 127
"""Masks are JPEGs: greys above it are cat."""


class Cats(FoldedSource):
    """Photographs of 107x102 to 500x500 pixels, resized to one size, and masks that were saved as JPEG.

    ::

        cat_data/Train/input/cat.0.jpg     cat_data/Train/mask/mask_cat.0.jpg      0 to 59
        cat_data/Test/input/cat.60.jpg     cat_data/Test/mask/mask_cat.60.jpg      60 to 80

    The folders are pooled. The split of its own, which every comparison keeps, has 70 % to train with and 30 % to test:
    57 and 24 photographs. Of the 57, 9 select the checkpoint and 48 train, so that no test image selects anything. No
    two photographs are the same or nearly so: of all pairs, mirrored or not, the most alike correlate by .78 (32x32
    pixels of grey) and show different cats.

    Masks 5 and 60 are poor (blocks and a ragged edge), and so is 49, of which half a bowl is cat. They are kept as they
    are: a score that leaves them out could not be compared with one that does not.

    Args:
        root: The folder that holds ``cat_data``, or ``cat_data`` itself.
        side: Height and width to which photographs are resized, in pixels; None leaves them as they are.
        fold: Which fold tests, see ``FoldedSource``; None for the split of its own.
        folds: Number of folds.
        fold_seed: Another one deals the photographs anew.
    """

    name = "cats"

    def __init__(
        self,
        root: str | Path,
        side: int | None = 128,
        fold: int | None = None,
        folds: int = 5,
        fold_seed: int = 0,
    ) -> None:
        super().__init__(fold, folds)
        self.root, self.side, self.fold_seed = Path(root), side, fold_seed
        self._differ: list[str] = []

    @cached_property
    def folder(self) -> Path:
        """The folder that holds ``Train`` and ``Test``."""
        return find_folder(
            "The cats",
            self.root,
            ["cat_data"],
            "Train/input",
            "cat_data/{Train,Test}/{input,mask}",
            "wherever cat_data is kept (60 + 21 photographs, Apache-2.0)",
        )

    @cached_property
    def committed(self) -> Splits:
        """48 training, 9 validation, 24 test images."""
        return read_splits("cats")

    def dealt(self) -> list[list[str]]:
        """Each photograph by itself."""
        return folds([[sample_id] for sample_id in IDS], self.folds, self.fold_seed)

    def own_split(self, split: Split) -> list[str]:
        """The ids of the committed split."""
        return list(self.committed.ids[split])

    def load(self, sample_id: str) -> Scene:
        """The photograph and its cat, resized."""
        mask = read_binary(self.mask_file(sample_id), threshold=THRESHOLD)
        everywhere = torch.ones(mask.shape, dtype=torch.bool)
        scene = Scene(sample_id, read_image(self.image_file(sample_id)), mask, everywhere)
        return scene if self.side is None else resized(scene, (self.side, self.side))

    def check(self) -> None:
        """See that every photograph is there with a mask of its size, and whether it is the mask that is known."""
        for sample_id in IDS:
            for error in self.missing(sample_id):
                raise error
            check_size(sample_id, "mask", self.mask_file(sample_id), self.image_file(sample_id))
        self._differ = [sample_id for sample_id in IDS if self.label_differs(sample_id)]

    def label_differs(self, sample_id: str) -> bool:
        """Whether the file of the mask is another than the one that the split was made for."""
        digest = hashlib.sha256(self.mask_file(sample_id).read_bytes()).hexdigest()
        return digest[:16] != self.committed.labels[sample_id]

    def missing(self, sample_id: str) -> list[DataError]:
        """The photograph, its mask, or both."""
        image, mask = self.image_file(sample_id), self.mask_file(sample_id)
        absent: list[DataError] = [] if image.is_file() else [MissingImageError(self.name, sample_id, image)]
        return absent if mask.is_file() else [*absent, MissingMaskError(self.name, sample_id, mask)]

    def labels_differ(self) -> list[str]:
        """The ids for which ``check`` found another mask than the split was made for."""
        return self._differ

    def image_file(self, sample_id: str) -> Path:
        """Where the photograph is."""
        return self._part(sample_id) / "input" / f"cat.{IDS.index(sample_id)}.jpg"

    def mask_file(self, sample_id: str) -> Path:
        """Where its mask is."""
        return self._part(sample_id) / "mask" / f"mask_cat.{IDS.index(sample_id)}.jpg"

    def _part(self, sample_id: str) -> Path:
        return self.folder / ("Train" if IDS.index(sample_id) < FIRST_OF_TEST else "Test")
