"""Memory of a machine, a container and a process."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import torch

from gequnet.train import memory
from gequnet.train.memory import container_memory_left, device_memory, track_peak_memory

CPU = torch.device("cpu")


def container(folder: Path, version: int, limit: str) -> Path:
    names = memory.LIMITS[0 if version == 2 else 1]
    texts = (limit, "300", "anon 200\ninactive_file 80")
    for name, text in zip(names, texts, strict=True):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text + "\n")
    return folder


@pytest.mark.parametrize("version", [1, 2])
def test_a_container_has_a_limit(version: int, tmp_path: Path) -> None:
    """The file cache counts as free."""
    assert container_memory_left(container(tmp_path, version, "1000")) == [780]
    assert container_memory_left(container(tmp_path, version, "100")) == [0]


def test_a_container_without_a_limit_and_no_container(tmp_path: Path) -> None:
    assert container_memory_left(tmp_path) == []
    assert container_memory_left(container(tmp_path, 2, "max")) == []


def test_a_container_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = device_memory(CPU)
    assert abs(free.used - psutil.Process().memory_info().rss) < 50e6
    assert 0 < free.total <= psutil.virtual_memory().total + free.used
    monkeypatch.setattr(memory, "CGROUP", container(tmp_path, 2, "1000"))
    assert device_memory(CPU).free == 780


PEAKS = """
import torch
from gequnet.train.memory import device_memory, track_peak_memory
cpu = torch.device("cpu")
before = device_memory(cpu).used
with track_peak_memory(cpu) as first:
    torch.zeros(50_000_000).add_(1)
with track_peak_memory(cpu) as second:
    torch.zeros(10).add_(1)
assert first.bytes > before + 190e6, (before, first.bytes)
assert second.bytes < before + 100e6, (before, second.bytes)
"""


def test_a_peak_is_seen_after_it_is_over() -> None:
    """In a process of its own: one that has run other tests may still hold freed memory, and needs no more."""
    result = subprocess.run([sys.executable, "-c", PEAKS], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_where_the_peak_is_unknown_it_is_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_reset_peak", lambda: False)
    with track_peak_memory(CPU) as peak:
        pass
    assert peak.bytes > 50e6
