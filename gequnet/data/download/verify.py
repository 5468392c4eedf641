"""Is a dataset all there? Every image is loaded and looked at, and all that is wrong is said, not only the first."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from jaxtyping import Int64
from torch import Tensor

from gequnet.data.datamodule import NAMED, SegmentationDataModule
from gequnet.data.errors import (
    DatasetNotFoundError,
    EmptySplitError,
    MissingImageError,
    MissingMaskError,
    MissingModalityError,
    UnpairedImageError,
)
from gequnet.data.scene import Scene
from gequnet.data.source import SPLITS
from gequnet.errors import GequnetError

Verdict = Literal["complete", "partial", "broken"]
Kind = Literal["missing", "damaged"]
MISSING_ERRORS = (
    *(DatasetNotFoundError, EmptySplitError),
    *(MissingImageError, MissingMaskError, MissingModalityError, UnpairedImageError),
)
LOAD_ERRORS = (GequnetError, OSError, ValueError, EOFError, LookupError, RuntimeError)
"""What loading a damaged file may raise: our own errors, and what slips through from the libraries."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Args:
        id: Of the image; empty where it is wrong with all of them.
        split: Which the image is in; empty likewise.
        kind: Whether something is not there, or is there and wrong.
        sentence: What came, what was expected, and what to do.
    """

    id: str
    split: str
    kind: Kind
    sentence: str


@dataclass
class Verification:
    """What was found out about a dataset on disk.

    Args:
        name: The dataset.
        expected: Images of each split.
        good: How many of them are there and as they should be.
        problems: What is wrong.
        left_out: What the dataset has as it is distributed and the splits have not.
        notes: What is not wrong and good to know: labels that differ, sizes that are not the official ones.
        refusal: Why a training would not start, in a sentence; empty if it would.
        sizes: How many images are of each size, ``605x700``, rows first.
        labels: Of each class the share of all valid pixels.
    """

    name: str
    expected: dict[str, int] = field(default_factory=dict)
    good: dict[str, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    refusal: str = ""
    sizes: dict[str, int] = field(default_factory=dict)
    labels: dict[str, float] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """``broken`` if something is damaged or nothing is usable, ``partial`` if something is missing or left out.

        Labels that are not those the split was made for are a note: some datasets exist in two editions.
        """
        if not sum(self.good.values()) or any(problem.kind == "damaged" for problem in self.problems):
            return "broken"
        return "partial" if self.problems or self.left_out else "complete"


def verify(
    module: SegmentationDataModule,
    size: Sequence[int] = (),
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Verification:
    """Load every image of every split and say what is wrong with which.

    Whether a training would start is found out as a training does it; the rest goes on after the first mistake.

    Args:
        module: The dataset, as a configuration describes it.
        size: Of every image as distributed; empty where they differ.
        report: Is told how many images are done, and of how many.
    """
    name = str(module.name)
    result = Verification(name)
    refused: Exception | None = None
    try:
        module.setup()
    except LOAD_ERRORS as error:
        refused, result.refusal = error, _sentence(error, name)
    try:
        ids = [(split, sample_id) for split in SPLITS for sample_id in module.splits[split]]
        if isinstance(refused, DatasetNotFoundError):
            raise refused
    except LOAD_ERRORS as error:
        result.problems.append(_problem(error, "", ""))
        return result
    result.expected = {split: len(module.splits[split]) for split in SPLITS}
    result.good = dict.fromkeys(SPLITS, 0)
    statistics = _DatasetStatistics(module, hash_labels=refused is not None)
    for done, (split, sample_id) in enumerate(ids, start=1):
        problems = statistics.add(split, sample_id)
        result.problems += problems
        result.good[split] += not problems
        report(done, len(ids))
    if refused is not None and not result.problems:  # it is wrong with none of them, but with all together
        result.problems.append(_problem(refused, "", ""))
    result.left_out, result.notes = module.source.left_out(), statistics.notes(size)
    result.sizes, result.labels = dict(statistics.sizes.most_common()), statistics.shares()
    return result


class _DatasetStatistics:
    """What has been seen of a dataset so far.

    Args:
        module: The dataset.
        hash_labels: Whether labels are still to be compared with those that the split knows, image by image.
    """

    def __init__(self, module: SegmentationDataModule, hash_labels: bool) -> None:
        self.module, self.source = module, module.source
        self.sizes: Counter[str] = Counter()
        self.pixels: Int64[Tensor, "classes"] = torch.zeros(len(module.class_names), dtype=torch.int64)
        self.valid = 0
        self.differ: list[str] = list(module.labels_differ)
        self.hash_labels = hash_labels

    def add(self, split: str, sample_id: str) -> list[Problem]:
        """Load an image; what is wrong with it."""
        missing = self.source.missing(sample_id)
        if missing:
            return [_problem(error, split, sample_id) for error in missing]
        try:
            scene = self.source.load(sample_id)
            self.module.check_facts(scene)
            if self.hash_labels and self.source.label_differs(sample_id):
                self.differ.append(sample_id)
        except LOAD_ERRORS as error:
            return [_problem(error, split, sample_id)]
        self._count(scene)
        return []

    def shares(self) -> dict[str, float]:
        """Of each class the share of the valid pixels."""
        return {
            name: round(int(count) / max(1, self.valid), 6)
            for name, count in zip(self.module.class_names, self.pixels, strict=True)
        }

    def notes(self, size: Sequence[int]) -> list[str]:
        """What is odd, and no mistake."""
        sentences, images = [], self.sizes.total()
        other = images - self.sizes[_size_text(size)]
        if size and other:
            sentences.append(
                f"Not of {_size_text(size)} pixels, as all are that are distributed: {other} of {images} images; they were "
                "resized or cut, and scores do not compare."
            )
        empty = [name for name, share in self.shares().items() if not share]
        if empty and self.valid:
            sentences.append(f"Not a pixel of any image is labelled {' or '.join(empty)}.")
        if self.differ:
            named = ", ".join(self.differ[:NAMED]) + (", …" if len(self.differ) > NAMED else "")
            sentences.append(
                f"Not the labels that the split was made for: {len(self.differ)} of {images} images ({named}); scores "
                "may not compare."
            )
        return sentences

    def _count(self, scene: Scene) -> None:
        self.sizes[_size_text(scene.space)] += 1
        valid = scene.valid
        self.valid += int(valid.sum())
        if scene.mask.dim() > valid.dim():  # regions, which may overlap
            self.pixels += (scene.mask.bool() & valid).flatten(1).sum(1)
        elif len(self.module.class_names) == 1:
            self.pixels += (scene.mask.bool() & valid).sum()
        else:
            counts = torch.bincount(scene.mask[valid].long(), minlength=len(self.pixels))
            self.pixels += counts[: len(self.pixels)]


def _problem(error: Exception, split: str, sample_id: str) -> Problem:
    absent = isinstance(error, MISSING_ERRORS) or isinstance(error.__cause__, FileNotFoundError)
    return Problem(sample_id, split, "missing" if absent else "damaged", _sentence(error, sample_id))


def _sentence(error: Exception, what: str) -> str:
    if isinstance(error, GequnetError):
        return str(error)
    return f"{what} cannot be loaded ({type(error).__name__}: {error}); its files are damaged, fetch them again."


def _size_text(size: Sequence[int]) -> str:
    return "x".join(map(str, size))
