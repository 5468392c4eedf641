"""Damaged files: each is read, or refused in one sentence that names it, by every reader."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gequnet.data.formats.image_file import InputSpec
from gequnet.data.formats.mask_values import read_mask_values
from gequnet.data.formats.nifti import read_nifti
from gequnet.data.formats.open_image import open_image
from gequnet.data.formats.pictures import read_picture
from gequnet.errors import GequnetError
from helpers.fuzzed_files import fuzzed

SECONDS = 5
QUICK, ALL = 300, 2000


def readers(path: Path) -> dict[str, Callable[[], Any]]:
    """The reader of a prediction, and those of datasets."""
    dims = 3 if ".nii" in path.name else 2

    def as_prediction() -> Any:
        with open_image(path, InputSpec(1, dims)) as image:
            return image.read()

    if dims == 3:
        return {"prediction": as_prediction, "dataset": lambda: read_nifti(path)}
    return {
        "prediction": as_prediction,
        "dataset": lambda: read_picture(path, 1),
        "mask": lambda: read_mask_values(path),
    }


def sentence_of(read: Callable[[], Any]) -> str | None:
    """The message of a refusal; None if the file is read."""
    try:
        read()
    except GequnetError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    "numbers", [range(QUICK), pytest.param(range(QUICK, ALL), marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_a_damaged_file_is_read_or_refused_in_one_sentence(numbers: range, tmp_path: Path) -> None:
    refused = 0
    for number in numbers:
        path = fuzzed(tmp_path, number)
        for name, read in readers(path).items():
            began = time.monotonic()
            sentence = sentence_of(read)
            assert time.monotonic() - began < SECONDS, (number, name)
            assert sentence is None or (path.name in sentence and "\n" not in sentence), (number, name, sentence)
            refused += sentence is not None
        path.unlink()
    assert refused > len(numbers)
