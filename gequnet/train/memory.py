"""How much memory there is, how much of it is taken, and how much a computation takes."""

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
"""Where version 2 and version 1 of Linux's control groups say what a container may have, has, and what for."""


@dataclass
class Memory:
    """Bytes of one device.

    Args:
        taken: by this process.
        free: what it can still have.
    """

    taken: int
    free: int

    @property
    def total(self) -> int:
        """What this process can have in all."""
        return self.taken + self.free


def memory_of(device: torch.device) -> Memory:
    """What this process has of a device's memory now, and what is left for it.

    Args:
        device: a GPU, or the CPU, of which a container may be given a part only.
    """
    if device.type == "cuda":
        taken = torch.cuda.memory_reserved(device)
        return Memory(taken, torch.cuda.mem_get_info(device)[0])
    free = psutil.virtual_memory().available
    return Memory(psutil.Process().memory_info().rss, min([free, *left_in_container(CGROUP)]))


def left_in_container(folder: Path) -> list[int]:
    """Bytes up to the limit of the control group, if there is one.

    Args:
        folder: where Linux says it.
    """
    found = []
    for limit, usage, uses in LIMITS:
        if (folder / limit).exists() and (most := (folder / limit).read_text().strip()) != "max":
            rows = dict(row.split() for row in (folder / uses).read_text().splitlines())
            spare = int(rows.get("inactive_file", 0))  # copies of files, which Linux gives up for whoever asks
            found.append(max(0, int(most) - int((folder / usage).read_text()) + spare))
    return found


class Peak:
    """What ``most`` the process had of a device at any moment of a stretch, in bytes."""

    most = 0


@contextmanager
def peak_of(device: torch.device) -> Iterator[Peak]:
    """Watches what the process has of a device; ``most`` is known afterwards.

    On the CPU only Linux tells the peak; elsewhere it is what the process has at the end.
    """
    peak = Peak()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        yield peak
        peak.most = torch.cuda.max_memory_reserved(device)
        return
    known = _forget_peak()
    yield peak
    peak.most = _peak() if known else psutil.Process().memory_info().rss


def _forget_peak() -> bool:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _peak() -> int:
    rows = Path("/proc/self/status").read_text().splitlines()
    return next(int(row.split()[1]) * 1024 for row in rows if row.startswith("VmHWM:"))
