"""Base class of the fundus datasets: a photograph, one or two vessel masks, a field of view."""

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from gequnet.data.datasets.field_of_view import estimate_field_of_view
from gequnet.data.errors import DataError, MissingImageError, MissingMaskError
from gequnet.data.formats.masks import read_binary
from gequnet.data.formats.pictures import check_size, read_image
from gequnet.data.scene import Scene
from gequnet.data.source import Source, Split
from gequnet.data.splits import Splits, label_hash


@dataclass(frozen=True)
class FundusFiles:
    """Files of one photograph.

    Args:
        image: The photograph.
        mask: Vessels traced by the first observer, the reference here.
        valid: Field of view; None if the dataset ships none and it is estimated.
        second: Vessels traced by a second observer; None if there are none.
    """

    image: Path
    mask: Path
    valid: Path | None = None
    second: Path | None = None


class FundusSource(Source):
    """Photographs of the retina with traced vessels, in their official layout.

    The constructor reads no files, so a configuration can be checked without the data.

    Args:
        root: The folder that holds the dataset's folder, or the dataset's folder itself.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self._differ: list[str] = []

    @property
    @abstractmethod
    def folder(self) -> Path:
        """Folder of the dataset; raises ``DatasetNotFoundError`` if there is none."""

    @cached_property
    @abstractmethod
    def splits(self) -> Splits:
        """Committed split that fits the data."""

    @abstractmethod
    def files(self, sample_id: str) -> FundusFiles:
        """Expected paths of the files of one image."""

    def ids(self, split: Split) -> list[str]:
        """Ids of the committed split."""
        return list(self.splits.ids[split])

    def load(self, sample_id: str) -> Scene:
        """Photograph, masks and field of view, at full resolution."""
        files = self.files(sample_id)
        image = read_image(files.image)
        valid = read_binary(files.valid).bool() if files.valid else estimate_field_of_view(image)
        second = read_binary(files.second) if files.second else None
        return Scene(sample_id, image, read_binary(files.mask), valid, outside=~valid, second=second)

    def check(self) -> None:
        """Check that every file of every split exists and has the size of its photograph, and that masks are binary.

        Photographs are opened and not decoded, so this takes a second or two.
        """
        self._differ = []
        for sample_id in (sample_id for ids in self.splits.ids.values() for sample_id in ids):
            for error in self.missing(sample_id):
                raise error
            self._check_sizes(sample_id)
            if self.label_differs(sample_id):
                self._differ.append(sample_id)

    def labels_differ(self) -> list[str]:
        """Ids whose labels, at the last ``check``, differed from those of the committed split."""
        return self._differ

    def label_differs(self, sample_id: str) -> bool:
        """True if the hash of the first observer's mask differs from that of the committed split."""
        mask, expected = read_binary(self.files(sample_id).mask), self.splits.labels.get(sample_id)
        return expected is not None and expected != label_hash(mask)

    def missing(self, sample_id: str) -> list[DataError]:
        """Errors for the photograph, masks and field of view, for each that is missing."""
        files = self.files(sample_id)
        named = (
            ("mask", files.mask),
            ("field-of-view mask", files.valid),
            ("second observer's mask", files.second),
        )
        errors: list[DataError] = []
        if not files.image.is_file():
            errors.append(MissingImageError(self.name, sample_id, files.image))
        for what, path in named:
            if path is not None and not path.is_file():
                errors.append(MissingMaskError(self.name, sample_id, path, what))
        return errors

    def _check_sizes(self, sample_id: str) -> None:
        files = self.files(sample_id)
        for what, path in (("field of view", files.valid), ("second mask", files.second), ("mask", files.mask)):
            if path is not None:
                check_size(sample_id, what, path, files.image)
