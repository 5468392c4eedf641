"""Where a run comes from: code, data, recipe."""

import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from omegaconf import DictConfig

from gequnet.runs.layout import SWEEP
from gequnet.runs.provenance import commit, versions
from gequnet.runs.resume import FINGERPRINT


def provenance(cfg: DictConfig, data: Any) -> dict[str, Any]:
    """What a configuration does not say: commits and versions, the data's split, the recipe's fingerprint, the sweep.

    Args:
        cfg: settled; the run's folder is marked.
        data: the data module, set up.
    """
    folder = Path(cfg.paths.run)
    mark = folder / FINGERPRINT
    return {
        "commit": commit(Path.cwd()),
        "versions": versions(),
        "data": {"name": data.name, "split_hash": data.split_hash},
        "fingerprint": mark.read_text().strip() if mark.exists() else None,
        "sweep": folder.parent.name if (folder.parent / SWEEP).exists() else None,
    }


def remote_of(folder: Path) -> str | None:
    """Where the repository that a folder lies in is from, without the user and the password that may stand before @."""
    try:
        answer = subprocess.run(
            ["git", "config", "--get", "remote.origin.url"], cwd=folder, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return None
    return without_user(answer.stdout.strip()) or None


def without_user(address: str) -> str:
    """An address without what may be a secret in it.

    >>> without_user("https://me:ghp_123@example.org/me/mine.git"), without_user("git@example.org:me/mine.git")
    ('https://example.org/me/mine.git', 'example.org:me/mine.git')
    """
    parts = urlsplit(address)
    if not parts.scheme:
        return address.rpartition("@")[2]
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
