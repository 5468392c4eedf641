"""Public names mean one thing each, and docstrings begin with a noun phrase or an imperative."""

from pathlib import Path

import pytest

from helpers.house import PATHS, QUESTION, THIRD_PERSON, docstrings, public_names
from helpers.repository import ROOT

SHARE = 0.02  # of public names that may mean two things


def test_a_public_name_means_one_thing() -> None:
    names = public_names()
    several = {name: places for name, places in names.items() if len(places) > 1}
    assert sum(map(len, several.values())) < SHARE * sum(map(len, names.values())), several


@pytest.mark.parametrize("path", PATHS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_docstring_begins_with_a_noun_phrase_or_an_imperative(path: Path) -> None:
    wrong = [
        f"{path.name}:{line}: {first}"
        for line, first in docstrings(path)
        if QUESTION.match(first) or THIRD_PERSON.match(first)
    ]
    assert not wrong
