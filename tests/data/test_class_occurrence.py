"""Classes that training or validation images lack, found from as few images as possible."""

import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from gequnet.data.class_occurrence import class_warnings, occurrence
from gequnet.data.errors import EmptyFoldError, EmptySplitError
from gequnet.data.scene import Scene
from helpers.data_modules import module


def scene(*rows: list[int], valid: list[int] | None = None) -> Scene:
    """An image of one line; several rows are regions that may overlap."""
    mask = torch.tensor(rows, dtype=torch.uint8).unsqueeze(1)
    size = mask.shape[-2:]
    seen = torch.ones(size) if valid is None else torch.tensor([valid])
    return Scene("image", torch.zeros(1, *size, dtype=torch.uint8), mask if len(rows) > 1 else mask[0], seen.bool())


def found(*scenes: Scene, classes: tuple[str, ...] = ("one", "two")) -> tuple[list[str], list[str]]:
    seen = occurrence(scenes, classes)
    return seen.absent, seen.filling


def test_classes_that_exclude_each_other() -> None:
    assert found(scene([0, 1, 2])) == ([], [])
    assert found(scene([0, 1, 1]), scene([0, 0, 0])) == (["two"], [])
    assert found(scene([2, 2, 2])) == (["one"], ["two"])
    assert found(scene([0, 255, 0]), classes=("one",)) == (["one"], [])


def test_regions() -> None:
    assert found(scene([1, 1, 1], [0, 1, 0])) == ([], ["one"])
    assert found(scene([0, 0, 1], [0, 0, 0])) == (["two"], [])


def test_only_the_field_of_view_counts() -> None:
    assert found(scene([1, 0, 2], valid=[0, 1, 1])) == (["one"], [])
    assert found(scene([1, 1, 0], valid=[1, 1, 0]), classes=("one",)) == ([], ["one"])
    assert found(scene([1, 1, 0], valid=[0, 0, 0]), classes=("one",)) == (["one"], [])


def test_it_reads_no_more_than_it_needs() -> None:
    read = []

    def scenes() -> Iterator[Scene]:
        for number in range(9):
            read.append(number)
            yield scene([0, 0, 0]) if number == 0 else scene([0, 1, 2])

    assert found(*[]) == (["one", "two"], [])
    assert occurrence(scenes(), ["one", "two"]).absent == []
    assert read == [0, 1]


def test_an_ordinary_dataset_needs_one_image_of_each_split() -> None:
    data = module()
    assert list(class_warnings(data)) == []
    assert sorted(data.scenes._kept) == ["train-000", "val-000"]


def said(absent: list[str], *training: list[str]) -> str:
    data: Any = SimpleNamespace(name="folder", absent_in_validation=absent, foreground_classes=["one", "two"])
    data.training_occurrence = SimpleNamespace(absent=training[0], filling=training[1])
    return " ".join(class_warnings(data))


@pytest.mark.parametrize(
    ("absent", "training", "words"),
    [
        (
            ["one", "two"],
            ([], []),
            r"No validation image of folder has foreground \(one, two\).*the validation loss does",
        ),
        (["two"], ([], []), "No validation image of folder has two"),
        ([], (["one"], []), "No training image of folder has one"),
        ([], ([], ["two"]), "All pixels of the training images of folder are two"),
    ],
)
def test_one_sentence_for_each_fault(absent: list[str], training: tuple[list[str], list[str]], words: str) -> None:
    sentence = said(absent, *training)
    assert sentence.endswith(".")
    assert ". " not in sentence
    assert re.search(words, sentence)


def test_an_empty_split_names_the_fold() -> None:
    data = module()
    data.splits["val"] = []
    with pytest.raises(EmptySplitError, match="complete the download"):
        data.setup("fit")
    data.source.folding, data.source.fold = (lambda: [["a"], []]), 3
    with pytest.raises(EmptyFoldError, match=r"with data.source.fold=3 the split val has no image .* another"):
        data.setup("fit")
