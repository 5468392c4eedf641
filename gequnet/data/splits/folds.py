"""Cross-validation: folds of images, each used once for test, once for validation and else for training."""

import hashlib
from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise

from gequnet.data.source import Source, Split
from gequnet.errors import ConfigError

LEAST = 3
"""Minimum number of folds: one for test, one for validation, one for training."""


class FoldedSource(Source):
    """A dataset with cross-validation.

    Fold f is for the test, the next one (the first after the last) for validation, the others for training. Images are
    assigned to folds before anything is cut from them, so no part of a test image is in the training.

    Args:
        fold: Number of the test fold, from 0 on; None for the dataset's own split.
        folds: Number of folds.

    Raises:
        ConfigError: If there is no such fold.
    """

    def __init__(self, fold: int | None, folds: int) -> None:
        if folds < LEAST:
            raise ConfigError(
                f"data.source.folds={folds} are too few for training, validation and test; give {LEAST} or more."
            )
        if fold is not None and not 0 <= fold < folds:
            raise ConfigError(
                f"data.source.fold={fold} is not one of the {folds} folds: give 0 to {folds - 1}, or more "
                "data.source.folds."
            )
        self.fold, self.folds = fold, folds

    @abstractmethod
    def dealt(self) -> list[list[str]]:
        """The ids of each fold."""

    def own_split(self, split: Split) -> list[str]:
        """The ids of a split of the dataset's own, for ``fold=None``; an error by default."""
        raise ConfigError(
            f"{self.name} has no split of its own: give the test fold, data.source.fold=0 to {self.folds - 1}."
        )

    def folding(self) -> list[list[str]] | None:
        """The ids of each fold; None for the dataset's own split."""
        return None if self.fold is None else self._dealt

    def ids(self, split: Split) -> list[str]:
        """The ids of a split, in this fold or in the dataset's own split."""
        return self.own_split(split) if self.fold is None else fold_split(self._dealt, self.fold, split)

    @cached_property
    def _dealt(self) -> list[list[str]]:
        return self.dealt()


def fold_split(folding: Sequence[Sequence[str]], fold: int, split: Split) -> list[str]:
    """The ids of a split if this fold is the test fold.

    Example:
        >>> [fold_split([["a"], ["b"], ["c"], ["d"]], 3, split) for split in ("train", "val", "test")]
        [['b', 'c'], ['a'], ['d']]
    """
    validating = (fold + 1) % len(folding)
    if split != "train":
        return list(folding[fold if split == "test" else validating])
    return [i for number, ids in enumerate(folding) if number not in (fold, validating) for i in ids]


def folds(units: Sequence[Sequence[str]], k: int, seed: int = 0) -> list[list[str]]:
    """K folds of nearly equal size; their sizes differ by the largest unit at most.

    Units go one by one to the fold that is smallest so far, the largest unit first. Equally large units are ordered by
    a hash of seed and name. So the folds are the same on every machine and for every order of ``units``.

    Args:
        units: Groups of ids that stay together, such as the images of one patient.
        k: Number of folds.
        seed: Seed of the order of equally large units.

    Returns:
        The ids of each fold, sorted.

    Raises:
        ConfigError: If there are fewer units than folds.

    Example:
        >>> folds([["a1", "a2"], ["b"], ["c"], ["d"], ["e"]], 3)
        [['a1', 'a2'], ['c', 'e'], ['b', 'd']]
    """
    _check_number(len(units), k)
    dealt: list[list[str]] = [[] for _ in range(k)]
    for unit in sorted(units, key=lambda unit: (-len(unit), _random_order(min(unit), seed))):
        min(dealt, key=len).extend(unit)
    return [sorted(fold) for fold in dealt]


def blocks(ids: Sequence[str], k: int) -> list[list[str]]:
    """K blocks of consecutive ids of nearly equal length, for images that resemble their neighbours, such as slices.

    Example:
        >>> blocks(["1", "2", "3", "4", "5", "6", "7", "8"], 3)
        [['1', '2'], ['3', '4', '5'], ['6', '7', '8']]
    """
    _check_number(len(ids), k)
    ends = [len(ids) * number // k for number in range(k + 1)]
    return [list(ids[first:last]) for first, last in pairwise(ends)]


def _check_number(units: int, k: int) -> None:
    if k > units:
        raise ConfigError(
            f"data.source.folds={k} is more than the {units} images or groups of images, and each fold needs one: "
            f"give data.source.folds={units} or fewer."
        )


def _random_order(name: str, seed: int) -> str:
    return hashlib.sha256(f"{seed} {name}".encode()).hexdigest()
