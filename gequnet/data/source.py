"""Interface of a dataset: the ids of each split, and the scene of each id."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Literal, get_args

from torch import Tensor

from gequnet.data.errors import DataError
from gequnet.data.scene import Scene

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)


class Source(ABC):
    """A dataset: its images by split, and a loader of single images.

    There is one subclass per dataset and one file per subclass. A source is cheap to construct and to pickle, and holds
    no image.
    """

    name: str

    @abstractmethod
    def ids(self, split: Split) -> list[str]:
        """The ids of a split, in a fixed order."""

    @abstractmethod
    def load(self, sample_id: str) -> Scene:
        """The image of this id at full resolution; the same every time."""

    @abstractmethod
    def check(self) -> None:
        """Raise a ``DataError`` if data of any split is missing.

        Called once before training, so that a missing file ends a run in its first second and not in its last hour.
        """

    def labels_differ(self) -> list[str]:
        """The ids whose labels differ from those that the split was made for; none if nothing is known."""
        return []

    def label_differs(self, sample_id: str) -> bool:
        """True if the labels of this image are known to differ from those that the split was made for."""
        return False

    def missing(self, sample_id: str) -> list[DataError]:
        """One error for each missing file of this image; none by default, and ``load`` raises instead."""
        return []

    def left_out(self) -> list[str]:
        """Sentences about parts of the distributed dataset that no split has; none if the splits have all."""
        return []

    def folding(self) -> list[list[str]] | None:
        """The ids of each fold of the cross-validation; None without a cross-validation."""
        return None

    def unlabelled_images(self) -> Iterator[tuple[str, Tensor]]:
        """Names and images, ``[C, *space]``, without labels, for pictures of predictions; none by default."""
        return iter(())

    def facts(self, sample_id: str) -> dict[str, str | float]:
        """Facts about an image, for further columns of ``per_image.csv``; none by default."""
        return {}

    def at_scale(self, factor: float) -> "Source | None":
        """The same images drawn ``factor`` times as large; None, the default, if they can only be resampled.

        See ``gequnet.data.views.rescaled.at_scale``, which resamples them then.
        """
        return None
