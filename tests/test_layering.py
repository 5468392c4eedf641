"""Imports go down the floors of the house, and its lower floors load without the training libraries."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.repository import ROOT

FLOORS = [  # the ground floor first; a room may import only what stands on floors below its own
    {"errors", "formatting"},
    {"symmetry", "config", "heads", "distributed"},
    {"layers", "losses", "metrics", "data"},
    {"nets", "inference", "runs", "figures"},
    {"train", "report", "gequnet"},
    {"evaluate", "predict", "export", "sweep", "tracking", "callbacks"},
    {"experiment", "hydra_plugins"},
    {"__main__", "run"},
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS, 1) for room in rooms}
COMMANDS = {"train", "predict", "evaluate", "export", "report", "data"}  # whose __main__ may call what stands above
PATHS = [*(ROOT / "gequnet").rglob("*.py"), *(ROOT / "hydra_plugins").glob("*.py"), ROOT / "run.py"]
MODULES = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in PATHS}
ROOMS_AT_MOST, ARROWS_AT_MOST = 27, 105  # 69 and 257 before the house was rebuilt

Arrow = tuple[str, str]


def room_of(module: str) -> str:
    """A file or a folder directly below gequnet/; what is outside is a room by itself."""
    first, *below = module.split(".")
    return below[0] if first == "gequnet" and below else first


def imports(path: Path) -> Iterator[str]:
    """Modules of this repository that a file imports anywhere, inside functions too."""
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


ARROWS = sorted({(module, name) for module, path in MODULES.items() for name in imports(path) if module != name})


def between_rooms() -> list[Arrow]:
    arrows = [(one, other) for one, other in ARROWS if room_of(one) != room_of(other)]
    return [arrow for arrow in arrows if not is_command(arrow[0])]


def is_command(module: str) -> bool:
    return module.endswith(".__main__") and room_of(module) in COMMANDS


def test_every_room_has_a_floor() -> None:
    assert {room_of(module) for module in MODULES} <= set(FLOOR)


def test_imports_go_down() -> None:
    up = [arrow for arrow in between_rooms() if FLOOR[room_of(arrow[0])] <= FLOOR[room_of(arrow[1])]]
    assert not up


def test_the_house_stays_small() -> None:
    rooms = {room_of(module) for module in MODULES}
    arrows = {(room_of(one), room_of(other)) for one, other in between_rooms()}
    assert len(rooms) <= ROOMS_AT_MOST
    assert len(arrows) <= ARROWS_AT_MOST


def test_no_file_imports_itself_through_others() -> None:
    """Depth first; a module that is met again while it is being looked at closes a circle."""
    below: dict[str, list[str]] = {module: [] for module in MODULES}
    for one, other in ARROWS:
        if MODULES[other].name != "__init__.py":  # packages load their modules when these are asked for
            below[one].append(other)
    done: set[str] = set()

    def visit(module: str, above: tuple[str, ...]) -> None:
        assert module not in above, " -> ".join([*above[above.index(module) :], module])
        if module not in done:
            for other in below[module]:
                visit(other, (*above, module))
            done.add(module)

    for module in MODULES:
        visit(module, ())


BLOCKED = ["pytorch_lightning", "lightning", "hydra", "omegaconf", "wandb", "escnn", "e2cnn"]
PROGRAM = """
import importlib, pkgutil, sys
for name in sys.argv[2].split(","):
    sys.modules[name] = None
package = importlib.import_module("gequnet." + sys.argv[1])
names = (m.name for m in pkgutil.walk_packages(package.__path__, package.__name__ + "."))
modules = [name for name in names if not name.endswith("__main__")]
for module in modules:
    importlib.import_module(module)
assert modules, "nothing was imported"
"""


@pytest.mark.parametrize(
    "room", ["symmetry", "layers", "nets", "losses", "metrics", "data.formats", "inference", "export"]
)
def test_imports_without_the_training_libraries(room: str) -> None:
    command = [sys.executable, "-c", PROGRAM, room, ",".join(BLOCKED)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_only_one_room_knows_weights_and_biases() -> None:
    """And what draws pictures, which has to know the loggers that show them, and what turns runs into a dashboard."""
    package = ROOT / "gequnet"
    pattern = re.compile(r"^\s*(import|from) wandb|loggers import .*WandbLogger", re.MULTILINE)
    found = {path.relative_to(package) for path in package.rglob("*.py") if pattern.search(path.read_text())}
    allowed = {Path("callbacks/log_images.py"), Path("report/wandb_dashboard.py")}
    assert {path for path in found if path.parts[0] != "tracking"} == allowed
