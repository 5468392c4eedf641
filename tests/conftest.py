import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

# One thread: the tests use small grids, where more threads only get in each other's way.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real datasets, where the machine has one."""
    folder = os.environ.get("GEQUNET_TEST_DATA")
    if not folder:
        pytest.skip("GEQUNET_TEST_DATA names no folder with real data")
    return Path(folder).resolve()


@pytest.fixture(autouse=True)
def same_lots() -> None:
    """Every test draws the same numbers, whichever tests ran before it, and in which process."""
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def same_voice() -> Iterator[None]:
    """A command that is called inside a test keeps its own quiet to itself."""
    log = logging.getLogger("gequnet")
    level = log.level
    yield
    log.setLevel(level)
