"""Cross-validation: images dealt to folds, each of which tests once, validates once and trains in all other runs."""

import hashlib
from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise

from gequnet.data.source import Source, Split
from gequnet.errors import ConfigError

LEAST = 3
"""Folds that are needed: one tests, one validates, and something has to be left to train on."""


class FoldedSource(Source):
    """A dataset that can be cross-validated.

    Fold f tests, the next one (the first after the last) validates, the others train. Images are dealt before
    anything is cut from them or changed about them, so nothing made of a test image is ever trained on.

    Args:
        fold: Which fold tests, from 0 on; None for the split that the dataset has of its own.
        folds: How many there are.

    Raises:
        ConfigError: If there is no such fold.
    """

    def __init__(self, fold: int | None, folds: int) -> None:
        if folds < LEAST:
            raise ConfigError(
                f"data.source.folds={folds} are too few: one tests, one validates and the others train; give {LEAST} "
                "or more."
            )
        if fold is not None and not 0 <= fold < folds:
            raise ConfigError(
                f"data.source.fold={fold} is none of the {folds} folds: give 0 to {folds - 1}, or more "
                "data.source.folds."
            )
        self.fold, self.folds = fold, folds

    @abstractmethod
    def dealt(self) -> list[list[str]]:
        """The ids of each fold."""

    def own_split(self, split: Split) -> list[str]:
        """The ids of a split of the dataset's own, for ``fold=None``; not there by default."""
        raise ConfigError(
            f"{self.name} has no split of its own: say which fold tests, data.source.fold=0 to {self.folds - 1}."
        )

    def folding(self) -> list[list[str]] | None:
        """The ids of each fold; None if the dataset's own split is taken."""
        return None if self.fold is None else self._dealt

    def ids(self, split: Split) -> list[str]:
        """The ids of a split, in this fold or in the dataset's own split."""
        return self.own_split(split) if self.fold is None else part_of(self._dealt, self.fold, split)

    @cached_property
    def _dealt(self) -> list[list[str]]:
        return self.dealt()


def part_of(folding: Sequence[Sequence[str]], fold: int, split: Split) -> list[str]:
    """The ids of a split where this fold tests.

    Example:
        >>> [part_of([["a"], ["b"], ["c"], ["d"]], 3, split) for split in ("train", "val", "test")]
        [['b', 'c'], ['a'], ['d']]
    """
    validating = (fold + 1) % len(folding)
    if split != "train":
        return list(folding[fold if split == "test" else validating])
    return [i for number, ids in enumerate(folding) if number not in (fold, validating) for i in ids]


def folds(units: Sequence[Sequence[str]], k: int, seed: int = 0) -> list[list[str]]:
    """Units dealt to k folds of nearly as many images each: their sizes differ by the largest unit at most.

    The largest unit comes first, among equals the order is that of a hash of seed and name, and each goes to the fold
    that is smallest so far. So the outcome is the same on every machine, and the order in which the units came does
    not matter.

    Args:
        units: Ids that stay together, the images of one patient, say.
        k: Number of folds.
        seed: Another one deals anew.

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
    for unit in sorted(units, key=lambda unit: (-len(unit), _lot(min(unit), seed))):
        min(dealt, key=len).extend(unit)
    return [sorted(fold) for fold in dealt]


def blocks(ids: Sequence[str], k: int) -> list[list[str]]:
    """Ids in a row cut into k runs of nearly the same length, for what resembles its neighbours, such as slices.

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
            f"data.source.folds={k} folds cannot be dealt from {units} images or groups of images, of which each needs "
            f"one: give data.source.folds={units} or fewer."
        )


def _lot(name: str, seed: int) -> str:
    return hashlib.sha256(f"{seed} {name}".encode()).hexdigest()
