"""Provenance of a run: versions, commit and processor."""

import subprocess
from pathlib import Path

import pytest

from gequnet.runs import provenance


def test_the_commit_is_that_of_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "single.py"))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance.commit() is None  # outside a repository

    def git(*words: str) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        return subprocess.run(
            ["git", *identity, *words], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout

    (tmp_path / "single.py").write_text("")
    git("init")
    git("add", "single.py")
    git("commit", "-m", "first")
    assert provenance.commit() == git("rev-parse", "HEAD").strip()
    (tmp_path / "single.py").write_text("changed")
    assert provenance.commit() == git("rev-parse", "HEAD").strip() + "+"
