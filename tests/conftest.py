import logging
import os
import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from helpers.repository import RUN

# One thread: the tests use small grids, where more threads only get in each other's way.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real datasets, where the machine has one."""
    folder = os.environ.get("GEQUNET_TEST_DATA")
    if not folder:
        pytest.skip("GEQUNET_TEST_DATA names no folder with real data")
    return Path(folder).resolve()


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., int]:
    """``python run.py ...`` typed in an empty folder, but in this process, which has imported everything already."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")

    def run(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", [str(RUN), *words])
        try:
            runpy.run_path(str(RUN), run_name="__main__")
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    return run


@pytest.fixture(autouse=True)
def same_lots() -> None:
    """Every test draws the same numbers, whichever tests ran before it, and in which process."""
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def same_voice() -> Iterator[None]:
    """A command that is called inside a test keeps its own quiet, and its own log file, to itself."""
    log, root = logging.getLogger("gequnet"), logging.getLogger()
    level, before = log.level, list(root.handlers)
    yield
    log.setLevel(level)
    for handler in set(root.handlers) - set(before):
        if isinstance(handler, logging.FileHandler):
            root.removeHandler(handler)
            handler.close()
