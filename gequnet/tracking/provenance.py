"""Provenance of a run: commit, versions, data split, fingerprint."""

import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from omegaconf import DictConfig

from gequnet.runs.layout import RunFolder
from gequnet.runs.provenance import commit, versions


def provenance(cfg: DictConfig, data: Any) -> dict[str, Any]:
    """Facts that the configuration does not have: commit, versions, split, fingerprint, name of the sweep.

    Args:
        cfg: resolved; the run's folder has its fingerprint.
        data: the data module, set up.
    """
    folder = RunFolder(cfg.paths.run)
    return {
        "commit": commit(Path.cwd()),
        "versions": versions(),
        "data": {"name": data.name, "split_hash": data.split_hash},
        "fingerprint": folder.read_fingerprint(),
        "sweep": folder.sweep.path.name if folder.sweep.is_sweep else None,
    }


def remote_of(folder: Path) -> str | None:
    """URL of the git remote of a folder, without user and password."""
    try:
        answer = subprocess.run(
            ["git", "config", "--get", "remote.origin.url"], cwd=folder, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return None
    return without_user(answer.stdout.strip()) or None


def without_user(address: str) -> str:
    """A URL without the parts that may be secret: user, password, query.

    >>> without_user("https://me:ghp_123@example.org/me/mine.git"), without_user("git@example.org:me/mine.git")
    ('https://example.org/me/mine.git', 'example.org:me/mine.git')
    """
    parts = urlsplit(address)
    if not parts.scheme:
        return address.rpartition("@")[2]
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
