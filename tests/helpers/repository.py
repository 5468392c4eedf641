"""Paths of the repository."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONF = ROOT / "conf"
RUN = ROOT / "run.py"
TESTS = ROOT / "tests"
FIXTURES = TESTS / "fixtures"
