from pathlib import Path

import pytest

from helpers.doors import Doors, typed_words
from helpers.hostile_dataset import sound_dataset


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """A run on pictures and one on volumes, by ``HostileDataset.volumes``."""
    root, trained = tmp_path_factory.mktemp("sound"), {}
    with pytest.MonkeyPatch.context() as patch:
        doors = Doors(patch)
        for volumes in (False, True):
            data, trained[volumes] = sound_dataset(root / f"data{volumes}", volumes), root / f"run{volumes}"
            answer = doors.ask("train", typed_words("train", data, root, trained[volumes]))
            assert answer.code == 0, answer.errors
    return trained


@pytest.fixture
def doors(monkeypatch: pytest.MonkeyPatch) -> Doors:
    return Doors(monkeypatch)
