"""What a dataset is to the rest of the program: ids for each split, and a scene for each id."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Literal, get_args

from torch import Tensor

from gequnet.data.errors import DataError
from gequnet.data.scene import Scene

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)


class Source(ABC):
    """A dataset: which images belong to which split, and how one of them is loaded.

    One subclass per dataset, one file per subclass. A source is cheap to construct and to pickle; it holds no
    image.
    """

    name: str

    @abstractmethod
    def ids(self, split: Split) -> list[str]:
        """The images of a split, in a fixed order."""

    @abstractmethod
    def load(self, sample_id: str) -> Scene:
        """The image of this id at full resolution; the same every time."""

    @abstractmethod
    def check(self) -> None:
        """Raise a ``DataError`` if the data of any split is not all there.

        Called once before training, so that a missing file ends a run in its first second and not in its last
        hour.
        """

    def labels_differ(self) -> list[str]:
        """The ids whose labels are not those that the split was made for; none where nothing is known."""
        return []

    def label_differs(self, sample_id: str) -> bool:
        """Whether the labels of this image, which is there, are known not to be those that the split was made for."""
        return False

    def missing(self, sample_id: str) -> list[DataError]:
        """The files of this image that are not there, an error for each; by default ``load`` is left to miss them."""
        return []

    def left_out(self) -> list[str]:
        """What the dataset has as it is distributed and these splits have not, in sentences; none if it is nothing."""
        return []

    def folding(self) -> list[list[str]] | None:
        """The folds of a cross-validation, in order, of which this source tests one; None where there is none."""
        return None

    def unlabelled_images(self) -> Iterator[tuple[str, Tensor]]:
        """Names and images, ``[C, *space]``, without labels, of which pictures are made; none by default."""
        return iter(())

    def facts(self, sample_id: str) -> dict[str, str | float]:
        """What is known about an image apart from its pixels: further columns of ``per_image.csv``; none by default."""
        return {}

    def at_scale(self, factor: float) -> "Source | None":
        """The same images drawn ``factor`` times as large; None, the default, if they can only be resampled.

        See ``gequnet.data.views.rescaled.at_scale``, which resamples them then.
        """
        return None
