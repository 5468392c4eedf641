"""Figures of the code as a house: rooms, arrows between them, floors, circles, homonyms, first lines of docstrings.

A room is a file or a folder directly below gequnet/; an arrow is an import from one room to another, inside functions
too. ``python tests/helpers/house.py`` prints the figures.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATHS = [*sorted((ROOT / "gequnet").rglob("*.py")), *sorted((ROOT / "hydra_plugins").glob("*.py")), ROOT / "run.py"]
MODULES = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in PATHS}
COMMANDS = {"train", "predict", "evaluate", "export", "report", "data"}  # whose __main__ may call what stands above
THIRD_PERSON = re.compile(r"[A-Z][a-z]+s (a|all|an|each|every|if|it|its|one|the)\b")
QUESTION = re.compile(r"(What|Which|Whether|How|Where|Who|Whose|Why|When)\b")

Arrow = tuple[str, str]


def room_of(module: str) -> str:
    """The room of a module; a module outside gequnet/ is a room by itself."""
    first, *below = module.split(".")
    return below[0] if first == "gequnet" and below else first


def imports(path: Path) -> Iterator[str]:
    """Modules of this repository that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            while name and name not in MODULES:
                name = name.rpartition(".")[0]
            if name:
                yield name


@cache
def arrows() -> list[Arrow]:
    """Every import of one module by another."""
    return sorted({(module, name) for module, path in MODULES.items() for name in imports(path) if module != name})


def arrows_between_rooms() -> list[Arrow]:
    """The imports that leave a room, without those of the commands."""
    return [
        (one, other)
        for one, other in arrows()
        if room_of(one) != room_of(other) and not (one.endswith(".__main__") and room_of(one) in COMMANDS)
    ]


def rooms() -> dict[str, set[str]]:
    """Each room with the rooms that it imports."""
    found: dict[str, set[str]] = {room_of(module): set() for module in MODULES}
    for one, other in arrows_between_rooms():
        found[room_of(one)].add(room_of(other))
    return found


def height(room: str) -> int:
    """The floor that a room needs at least: one above the highest room that it imports."""
    return 1 + max((height(other) for other in rooms()[room]), default=0)


def circle() -> list[str]:
    """Modules that import each other in a ring, or nothing; packages load their modules lazily and are left out."""
    below: dict[str, list[str]] = {module: [] for module in MODULES}
    for one, other in arrows():
        if MODULES[other].name != "__init__.py":
            below[one].append(other)
    done: set[str] = set()

    def visit(module: str, above: tuple[str, ...]) -> list[str]:
        if module in above:
            return [*above[above.index(module) :], module]
        for other in below[module] if module not in done else ():
            if found := visit(other, (*above, module)):
                return found
        done.add(module)
        return []

    return next((found for module in MODULES if (found := visit(module, ()))), [])


def public_names() -> dict[str, list[str]]:
    """Top-level functions and classes with the files that define them; ``main`` is left out, every command has one."""
    homes = defaultdict(list)
    for path in PATHS:
        for node in ast.parse(path.read_text()).body:
            named = isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
            if named and node.name != "main":
                homes[node.name].append(str(path.relative_to(ROOT)))
    return homes


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """Line and first line of every docstring of a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = (ast.get_docstring(node) or "").partition("\n")[0]
            if first:
                yield getattr(node, "lineno", 1), first


def figures() -> dict[str, str]:
    """The figures by name."""
    names, first_lines = public_names(), [first for path in PATHS for _, first in docstrings(path)]
    homonyms = sum(len(places) for places in names.values() if len(places) > 1)
    definitions, questions = sum(map(len, names.values())), sum(bool(QUESTION.match(line)) for line in first_lines)
    at_root = len(list((ROOT / "gequnet").glob("*.py")))
    return {
        "rooms": str(len(rooms())),
        "files at the root of gequnet/": str(at_root),
        "arrows between rooms": str(len({(room_of(one), room_of(other)) for one, other in arrows_between_rooms()})),
        "floors": str(max(map(height, rooms()))),
        "circle": " -> ".join(circle()) or "none",
        "homonyms among public names": f"{homonyms} of {definitions} ({homonyms / definitions:.1%})",
        "docstrings that begin with a question": f"{questions} of {len(first_lines)}",
    }


if __name__ == "__main__":
    for name, value in figures().items():
        print(f"{name:<40}{value}")
