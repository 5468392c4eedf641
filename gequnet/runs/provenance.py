"""Provenance of a result: versions, processor, commit."""

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import torch


def versions() -> dict[str, str | None]:
    """Versions of packages and Python, the device, and the commit if the code is in a git repository."""
    packages = {name: version(name) for name in ("gequnet", "torch", "pytorch-lightning", "numpy")}
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else processor()
    return packages | {"python": platform.python_version(), "device": device, "commit": commit()}


def processor() -> str:
    """Name of the CPU, and the number of threads of torch."""
    listing = Path("/proc/cpuinfo")
    lines = listing.read_text().splitlines() if listing.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    name = named[0] if named else platform.processor() or platform.machine()
    return f"{name}, {torch.get_num_threads()} threads"


def commit(folder: Path | None = None) -> str | None:
    """The commit of a folder, or of this code, with ``+`` if files have changed since; None outside a repository."""
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=+"],
            cwd=folder or Path(__file__).parent,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return None
    return answer.stdout.strip() or None
