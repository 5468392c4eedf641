"""Memory of a device: used, free, and the peak of a computation."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

CGROUP = Path("/sys/fs/cgroup")
LIMITS = (
    ("memory.max", "memory.current", "memory.stat"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"),
)
"""Files with the limit, the usage and the kinds of usage of a container: Linux control groups, versions 2 and 1."""


@dataclass
class Memory:
    """Memory of one device in bytes.

    Args:
        used: by this process.
        free: still available to this process.
    """

    used: int
    free: int

    @property
    def total(self) -> int:
        """Bytes that are available to this process in all."""
        return self.used + self.free


def device_memory(device: torch.device) -> Memory:
    """Memory of a device that this process uses, and that is free for it.

    Args:
        device: a GPU, or the CPU, where the limit of a container is respected.
    """
    if device.type == "cuda":
        return Memory(torch.cuda.memory_reserved(device), torch.cuda.mem_get_info(device)[0])
    free = psutil.virtual_memory().available
    return Memory(psutil.Process().memory_info().rss, min([free, *container_memory_left(CGROUP)]))


def container_memory_left(folder: Path) -> list[int]:
    """Free bytes under the limits of the container, empty if there is no limit.

    Args:
        folder: folder of the control group.
    """
    left = []
    for limit, usage, uses in LIMITS:
        if (folder / limit).exists() and (most := (folder / limit).read_text().strip()) != "max":
            rows = dict(row.split() for row in (folder / uses).read_text().splitlines())
            cached = int(rows.get("inactive_file", 0))  # file cache, which Linux frees on demand
            left.append(max(0, int(most) - int((folder / usage).read_text()) + cached))
    return left


class PeakMemory:
    """Largest memory of the process on a device during a block, in ``bytes``."""

    bytes = 0


@contextmanager
def track_peak_memory(device: torch.device) -> Iterator[PeakMemory]:
    """Measure the peak memory of the process on a device; ``bytes`` is set when the block ends.

    On a CPU the peak is known on Linux only; elsewhere it is the memory at the end of the block.
    """
    peak = PeakMemory()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        yield peak
        peak.bytes = torch.cuda.max_memory_reserved(device)
        return
    known = _reset_peak()
    yield peak
    peak.bytes = _read_peak() if known else psutil.Process().memory_info().rss


def _reset_peak() -> bool:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _read_peak() -> int:
    rows = Path("/proc/self/status").read_text().splitlines()
    return next(int(row.split()[1]) * 1024 for row in rows if row.startswith("VmHWM:"))
