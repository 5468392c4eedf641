"""Public names mean one thing each, and a docstring begins with what the thing is."""

import ast
import re
from collections import defaultdict

import pytest

from helpers.repository import ROOT

FILES = [*sorted((ROOT / "gequnet").rglob("*.py")), *sorted((ROOT / "hydra_plugins").glob("*.py")), ROOT / "run.py"]
QUESTION = re.compile(r"(What|Which|Whether|How|Where|Who|Whose|Why|When)\b")
SHARE = 0.02  # of public names that may mean two things


def test_a_public_name_means_one_thing() -> None:
    homes = defaultdict(list)
    for path in FILES:
        for node in ast.parse(path.read_text()).body:
            named = isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
            if named and node.name != "main":  # every command has one
                homes[node.name].append(str(path.relative_to(ROOT)))
    several = {name: places for name, places in homes.items() if len(places) > 1}
    assert sum(map(len, several.values())) < SHARE * sum(map(len, homes.values())), several


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_docstring_begins_with_what_the_thing_is(path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = (ast.get_docstring(node) or "").partition("\n")[0]
            assert not QUESTION.match(first), f"{path.name}:{getattr(node, 'lineno', 1)}: {first}"
