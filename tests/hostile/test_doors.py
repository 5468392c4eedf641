"""Damaged files through the four doors: each gives exact values, or refuses the file in one sentence that names it.

All 2000 files go through all doors, with a whole training, in about .85 s of one core each: half an hour. 20 run
in ``make test``, 180 in ``make test-slow``, and all in ``make test-hostile``.
"""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gequnet.data.scene import Scene
from helpers.doors import DOORS, Answer, Doors, files_in, typed_words
from helpers.hostile_dataset import DAMAGED, HostileDataset, hostile_dataset
from helpers.reading_oracle import image_values, mask_values, space_of

CHUNK, SLOW, ALL = 20, 200, 2000
SECONDS = 60

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec:FutureWarning"),
]

REFUSED = {"verify": 1, "train": 2, "evaluate": 2, "predict": 1}
"""Exit codes of a refusal."""

PAIR = re.compile(r"pixels and the image|different affines|no valid pixel")
"""Words of a refusal that the image and its labels together give; ``predict`` has no labels."""
LABELS = re.compile(r"has the values|transparency|one number or one colour|\d+ pages, and one image is expected")
"""Words of a refusal of what an image may have, and a mask or an image of a dataset may not."""
INTENSITIES = re.compile("values of float32")
"""Words of a refusal of what labels may have, and an image may not."""


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the dataset and of the outputs, always the same, so that the words are, too."""
    return tmp_path_factory.mktemp("place")


def chunks() -> Iterator[object]:
    """Numbers of files, in chunks."""
    for first in range(0, ALL, CHUNK):
        marks = () if first == 0 else pytest.mark.slow if first < SLOW else pytest.mark.hostile
        yield pytest.param(range(first, first + CHUNK), marks=marks, id=f"{first}")


@pytest.mark.parametrize("numbers", list(chunks()))
def test_every_door_reads_or_refuses_a_damaged_file(
    numbers: range, doors: Doors, runs: dict[bool, Path], place: Path
) -> None:
    faults = []
    for number in numbers:
        data = hostile_dataset(place / "data", number)
        answers = {
            door: doors.ask(door, typed_words(door, data, runs[data.volumes], place / "out" / door)) for door in DOORS
        }
        found = [*faults_of_answers(answers), *faults_of_agreement(answers), *faults_of_values(data, answers)]
        found += faults_of_outputs(data, answers["predict"], list(files_in(place / "out" / "predict")))
        faults += [f"{number} {data.path.name} {fault}" for fault in found]
        for folder in ("data", "out"):
            shutil.rmtree(place / folder, ignore_errors=True)
    assert not faults, "\n".join(faults)


def refusals(door: str, answer: Answer) -> list[str]:
    """Sentences of a refusal; those of ``verify`` are among its findings."""
    if door != "verify":
        return answer.errors
    found = [line.strip().removeprefix("A training would not start: ") for line in answer.printed]
    return [line for line in found if DAMAGED in line]


def faults_of_answers(answers: dict[str, Answer]) -> Iterator[str]:
    """Answers that are neither an acceptance nor a refusal in one sentence."""
    for door, answer in answers.items():
        sentences = refusals(door, answer)
        if answer.seconds > SECONDS:
            yield f"{door}: {answer.seconds:.0f} s"
        if answer.code not in (0, REFUSED[door]):
            yield f"{door}: exit code {answer.code}, {answer.errors[-1:]}"
        if bool(sentences) != bool(answer.code) or (door == "verify" and answer.errors):
            yield f"{door}: exit code {answer.code} with {sentences} and {answer.errors[-1:]}"
        if (door != "verify" and len(sentences) > 1) or not all(is_sentence(each) for each in sentences):
            yield f"{door}: no sentence: {sentences[:3]}"


def is_sentence(line: str) -> bool:
    """True for one sentence that names the damaged file."""
    return DAMAGED in line and line.endswith(".")


def faults_of_agreement(answers: dict[str, Answer]) -> Iterator[str]:
    """Doors that refuse what another one reads, or refuse it for another reason."""
    verified, trained, evaluated, predicted = (refusals(door, answers[door]) for door in DOORS)
    if trained != evaluated or (trained and trained[0] not in verified) or bool(trained) != bool(verified):
        yield f"disagree: {verified} {trained} {evaluated}"
    of_pair, of_labels = (any(words.search(sentence) for sentence in trained) for words in (PAIR, LABELS))
    of_intensities = any(INTENSITIES.search(sentence) for sentence in predicted)
    if predicted and predicted != trained and not of_pair and not (of_labels and of_intensities):
        yield f"disagree: {trained} {predicted}"
    if not predicted and trained and not of_pair and not of_labels:
        yield f"disagree: {trained} and predict reads it"


def faults_of_values(data: HostileDataset, answers: dict[str, Answer]) -> Iterator[str]:
    """Values of a door that are not those of the oracle."""
    for door, answer in answers.items():
        if answer.code:
            continue
        if door == "predict":
            same = answer.pixels is not None and np.array_equal(answer.pixels, image_values(data.path), equal_nan=True)
        else:
            same = answer.scene is not None and same_part(data, answer.scene)
        if not same:
            yield f"{door}: other values than the oracle"


def faults_of_outputs(data: HostileDataset, answer: Answer, files: list[Path]) -> Iterator[str]:
    """Files of a refused image, or a prediction of another size than its image."""
    if answer.code and files:
        yield f"predict: files of a refused image: {files}"
    if not answer.code and [space_of(path) for path in files] != [space_of(data.path)]:
        yield f"predict: {[space_of(path) for path in files]} for {space_of(data.path)}"


def same_part(data: HostileDataset, scene: Scene) -> bool:
    """True if the damaged part of a scene has the values of the oracle."""
    if data.labels:
        return np.array_equal(scene.mask, mask_values(data.path, data.threshold))
    expected = image_values(data.path)
    return np.array_equal(scene.image, np.where(np.isfinite(expected).all(0), expected, 0))
