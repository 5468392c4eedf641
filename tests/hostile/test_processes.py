"""Damaged files through the doors as processes of their own, as a user types them: the answer is the same."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.doors import DOORS, Doors, files_in, typed_words
from helpers.hostile_dataset import hostile_dataset
from helpers.repository import RUN

TYPED = {
    "verify": ["-m", "gequnet.data"],
    "train": [str(RUN)],
    "evaluate": ["-m", "gequnet.evaluate"],
    "predict": ["-m", "gequnet.predict"],
}
PER_DOOR, SLOW = 5, (7, 16)

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec:FutureWarning"),
]


def numbers() -> list[object]:
    """Numbers of twenty files, five for each door."""
    every = range(PER_DOOR * len(DOORS))
    return [pytest.param(n, marks=pytest.mark.slow if n in SLOW else pytest.mark.hostile) for n in every]


@pytest.mark.parametrize("number", numbers())
def test_a_process_answers_as_its_door_does(number: int, doors: Doors, runs: dict[bool, Path], tmp_path: Path) -> None:
    door, data = DOORS[number // PER_DOOR], hostile_dataset(tmp_path / "data", number)
    answer = doors.ask(door, typed_words(door, data, runs[data.volumes], tmp_path / "here"))
    done = subprocess.run(
        [sys.executable, *TYPED[door], *typed_words(door, data, runs[data.volumes], tmp_path / "there")],
        cwd=tmp_path, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr.splitlines()) == (answer.code, answer.errors)
    if door == "verify":
        assert done.stdout.splitlines() == answer.printed
    if door == "predict":
        here, there = ([path.name for path in files_in(tmp_path / side)] for side in ("here", "there"))
        assert here == there
