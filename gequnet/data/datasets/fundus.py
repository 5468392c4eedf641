"""What datasets of fundus photographs share: a photograph, one or two tracings, a field of view."""

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from gequnet.data.datasets.field_of_view import estimate_field_of_view
from gequnet.data.errors import DataError, MissingImageError, MissingMaskError
from gequnet.data.formats.picture_files import check_size, read_binary, read_image
from gequnet.data.scene import Scene
from gequnet.data.source import Source, Split
from gequnet.data.splits import Splits, label_hash


@dataclass(frozen=True)
class FundusFiles:
    """The files of one photograph.

    Args:
        image: The photograph.
        mask: The vessels as the first observer traced them, which is the truth here.
        valid: The field of view, None where the dataset ships none and it is estimated.
        second: The tracing of a second observer, None where there is none.
    """

    image: Path
    mask: Path
    valid: Path | None = None
    second: Path | None = None


class FundusSource(Source):
    """Photographs of the retina with traced vessels, in the layout in which they are distributed.

    Constructing one touches no file, so a configuration can be checked where the data is not.

    Args:
        root: The folder that holds the dataset's folder, or the dataset's folder itself.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self._differ: list[str] = []

    @property
    @abstractmethod
    def folder(self) -> Path:
        """The folder of the dataset; raises ``DatasetNotFoundError``."""

    @cached_property
    @abstractmethod
    def splits(self) -> Splits:
        """The committed split that fits the data."""

    @abstractmethod
    def files(self, sample_id: str) -> FundusFiles:
        """Where the parts of one image are expected to be."""

    def ids(self, split: Split) -> list[str]:
        """The ids of the committed split."""
        return list(self.splits.ids[split])

    def load(self, sample_id: str) -> Scene:
        """Photograph, tracings and field of view, at full resolution."""
        files = self.files(sample_id)
        image = read_image(files.image)
        valid = read_binary(files.valid).bool() if files.valid else estimate_field_of_view(image)
        second = read_binary(files.second) if files.second else None
        return Scene(sample_id, image, read_binary(files.mask), valid, second)

    def check(self) -> None:
        """See that every file of every split is there, fits its photograph and, if a mask, is binary.

        Photographs are opened and not decoded, so that this takes a second or two.
        """
        self._differ = []
        for sample_id in (sample_id for ids in self.splits.ids.values() for sample_id in ids):
            for error in self.missing(sample_id):
                raise error
            self._check_sizes(sample_id)
            if self.label_differs(sample_id):
                self._differ.append(sample_id)

    def labels_differ(self) -> list[str]:
        """The ids for which ``check`` found other labels than the split was made for."""
        return self._differ

    def label_differs(self, sample_id: str) -> bool:
        """Whether the first observer's mask is not the one that the split knows."""
        mask, expected = read_binary(self.files(sample_id).mask), self.splits.labels.get(sample_id)
        return expected is not None and expected != label_hash(mask)

    def missing(self, sample_id: str) -> list[DataError]:
        """Photograph, masks and field of view, each that should be there and is not."""
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
