"""Verification of a dataset on disk: every image is loaded, and all problems are reported."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from jaxtyping import Int64
from torch import Tensor

from gequnet.data.datamodule import NAMED, SegmentationDataModule
from gequnet.data.dataset import usable_scene
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
"""Exceptions from loading a damaged file: our own, and those of the libraries."""


@dataclass(frozen=True)
class Problem:
    """Problem with one image or with the whole dataset.

    Args:
        id: Id of the image; empty for a problem of the whole dataset.
        split: Split of the image; empty likewise.
        kind: ``missing`` or ``damaged``.
        sentence: Found, expected, and what to do.
    """

    id: str
    split: str
    kind: Kind
    sentence: str


@dataclass
class Verification:
    """Result of the verification of a dataset.

    Args:
        name: Name of the dataset.
        expected: Number of images of each split.
        good: Number of images of each split without a problem.
        problems: Problems found.
        left_out: Sentences about parts of the distributed dataset that the splits lack.
        notes: Remarks that are no problems: changed labels, unofficial image sizes.
        refusal: Error with which a training would not start; empty if it would.
        sizes: Number of images of each size, ``605x700``, rows first.
        labels: Share of each class among all valid pixels.
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
        """``broken``, ``partial`` or ``complete``.

        ``broken`` if a file is damaged or no image is usable; else ``partial`` if something is missing or left out.
        Changed labels are only a note: some datasets exist in two editions.
        """
        if not sum(self.good.values()) or any(problem.kind == "damaged" for problem in self.problems):
            return "broken"
        return "partial" if self.problems or self.left_out else "complete"


def verify(
    module: SegmentationDataModule,
    size: Sequence[int] = (),
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Verification:
    """Load every image of every split and collect the problems.

    First the checks of a training are run, which stop at the first error. Then every image is checked on its own.

    Args:
        module: Data module of the dataset.
        size: Size of every image as distributed; empty if they differ.
        report: Progress callback: number of images done, and in all.
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
    if refused is not None and not result.problems:  # a problem of the whole dataset, of no single image
        result.problems.append(_problem(refused, "", ""))
    result.left_out, result.notes = module.source.left_out(), statistics.notes(size)
    result.sizes, result.labels = dict(statistics.sizes.most_common()), statistics.shares()
    return result


class _DatasetStatistics:
    """Sizes, class shares and changed labels of the images so far.

    Args:
        module: Data module of the dataset.
        hash_labels: Compare the labels of each image with the hashes of the split.
    """

    def __init__(self, module: SegmentationDataModule, hash_labels: bool) -> None:
        self.module, self.source = module, module.source
        self.sizes: Counter[str] = Counter()
        self.pixels: Int64[Tensor, "classes"] = torch.zeros(len(module.class_names), dtype=torch.int64)
        self.valid = 0
        self.not_finite: Counter[str] = Counter()
        self.differ: list[str] = list(module.labels_differ)
        self.hash_labels = hash_labels

    def add(self, split: str, sample_id: str) -> list[Problem]:
        """Load an image, add it to the statistics, and return its problems."""
        missing = self.source.missing(sample_id)
        if missing:
            return [_problem(error, split, sample_id) for error in missing]
        try:
            scene = usable_scene(self.source, sample_id)
            self.module.check_facts(scene)
            if self.hash_labels and self.source.label_differs(sample_id):
                self.differ.append(sample_id)
        except LOAD_ERRORS as error:
            return [_problem(error, split, sample_id)]
        self._count(scene)
        return []

    def shares(self) -> dict[str, float]:
        """Share of each class among the valid pixels."""
        return {
            name: round(int(count) / max(1, self.valid), 6)
            for name, count in zip(self.module.class_names, self.pixels, strict=True)
        }

    def notes(self, size: Sequence[int]) -> list[str]:
        """Remarks that are no problems."""
        sentences, images = [], self.sizes.total()
        other = images - self.sizes[_size_text(size)]
        if size and other:
            sentences.append(
                f"{other} of {images} images do not have the original {_size_text(size)} pixels: they were resized or "
                "cropped, and scores do not compare."
            )
        empty = [name for name, share in self.shares().items() if not share]
        if empty and self.valid:
            sentences.append(f"No pixel of any image is labelled {' or '.join(empty)}.")
        if pixels := self.not_finite.total():
            sentences.append(
                f"{pixels} pixels in {len(self.not_finite)} of {images} images are not finite (nan or infinite) and "
                "not valid."
            )
        if self.differ:
            named = ", ".join(self.differ[:NAMED]) + (", …" if len(self.differ) > NAMED else "")
            sentences.append(
                f"{len(self.differ)} of {images} images ({named}) have other labels than the split was made for; "
                "scores may not compare."
            )
        return sentences

    def _count(self, scene: Scene) -> None:
        self.sizes[_size_text(scene.space)] += 1
        valid = scene.valid
        if scene.not_finite:
            self.not_finite[scene.id] = scene.not_finite
        self.valid += int(valid.sum())
        if scene.mask.dim() > valid.dim():  # overlapping regions
            self.pixels += (scene.mask.bool() & valid).flatten(1).sum(1)
        elif len(self.module.class_names) == 1:
            self.pixels += (scene.mask.bool() & valid).sum()
        else:
            counts = torch.bincount(scene.mask[valid].long(), minlength=len(self.pixels))
            self.pixels += counts[: len(self.pixels)]


def _problem(error: Exception, split: str, sample_id: str) -> Problem:
    absent = isinstance(error, MISSING_ERRORS) or isinstance(error.__cause__, FileNotFoundError)
    return Problem(sample_id, split, "missing" if absent else "damaged", _sentence(error, sample_id))


def _sentence(error: Exception, name: str) -> str:
    if isinstance(error, GequnetError):
        return str(error)
    return f"{name} cannot be loaded ({type(error).__name__}: {error}); its files are damaged, fetch them again."


def _size_text(size: Sequence[int]) -> str:
    return "x".join(map(str, size))
