"""Imports go down the floors of the house, and its lower floors load without the training libraries."""

import re
import subprocess
import sys
from pathlib import Path

from helpers.house import arrows_between_rooms, circle, height, room_of, rooms
from helpers.repository import ROOT

FLOORS = [  # the ground floor first; a room may import only what stands on floors below its own
    {"errors", "formatting", "ranges"},
    {"symmetry", "config", "heads", "distributed"},
    {"layers", "losses", "metrics", "data"},
    {"nets", "inference", "runs", "figures"},
    {"train", "report", "gequnet"},
    {"evaluate", "predict", "export", "sweep", "tracking", "callbacks"},
    {"experiment", "hydra_plugins"},
    {"__main__", "run"},
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS, 1) for room in rooms}
ROOMS_AT_MOST, ARROWS_AT_MOST = 28, 108  # 69 and 257 before the house was rebuilt


def test_every_room_has_a_floor() -> None:
    assert set(rooms()) <= set(FLOOR)


def test_imports_go_down() -> None:
    up = [arrow for arrow in arrows_between_rooms() if FLOOR[room_of(arrow[0])] <= FLOOR[room_of(arrow[1])]]
    assert not up


def test_the_house_stays_small() -> None:
    assert len(rooms()) <= ROOMS_AT_MOST
    assert len({(room_of(one), room_of(other)) for one, other in arrows_between_rooms()}) <= ARROWS_AT_MOST
    assert max(map(height, rooms())) <= len(FLOORS)


def test_no_file_imports_itself_through_others() -> None:
    assert not circle()


BLOCKED = ["pytorch_lightning", "lightning", "hydra", "omegaconf", "wandb", "escnn", "e2cnn"]
LIGHT = ["symmetry", "layers", "nets", "losses", "metrics", "data.formats", "inference", "export"]
PROGRAM = """
import importlib, pkgutil, sys
for name in sys.argv[2].split(","):
    sys.modules[name] = None
for room in sys.argv[1].split(","):
    package = importlib.import_module("gequnet." + room)
    names = (m.name for m in pkgutil.walk_packages(package.__path__, package.__name__ + "."))
    modules = [name for name in names if not name.endswith("__main__")]
    for module in modules:
        importlib.import_module(module)
    assert modules, "nothing was imported of " + room
"""


def test_the_lower_floors_load_without_the_training_libraries() -> None:
    command = [sys.executable, "-c", PROGRAM, ",".join(LIGHT), ",".join(BLOCKED)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_only_one_room_knows_weights_and_biases() -> None:
    """And what draws pictures, which has to know the loggers that show them, and what turns runs into a dashboard."""
    package = ROOT / "gequnet"
    pattern = re.compile(r"^\s*(import|from) wandb|loggers import .*WandbLogger", re.MULTILINE)
    found = {path.relative_to(package) for path in package.rglob("*.py") if pattern.search(path.read_text())}
    allowed = {Path("callbacks/log_images.py"), Path("report/wandb_dashboard.py")}
    assert {path for path in found if path.parts[0] != "tracking"} == allowed
