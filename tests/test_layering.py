"""The mathematics, the layers and the networks import with the training libraries made unimportable."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

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
def test_imports_without_the_training_libraries(room):
    command = [sys.executable, "-c", PROGRAM, room, ",".join(BLOCKED)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(("room", "forbidden"), [("symmetry", "layers"), ("symmetry", "nets"), ("layers", "nets")])
def test_imports_only_go_right(room, forbidden):
    program = (
        "import importlib, pkgutil, sys\n"
        f"package = importlib.import_module('gequnet.{room}')\n"
        "for m in pkgutil.walk_packages(package.__path__, package.__name__ + '.'): importlib.import_module(m.name)\n"
        f"wrong = [m for m in sys.modules if m.startswith('gequnet.{forbidden}')]\n"
        "assert not wrong, wrong\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_only_one_room_knows_weights_and_biases():
    """And what draws pictures, which has to know the loggers that show them, and what turns runs into a dashboard."""
    package = Path(__file__).parents[1] / "gequnet"
    pattern = re.compile(r"^\s*(import|from) wandb|loggers import .*WandbLogger", re.MULTILINE)
    found = {path.relative_to(package) for path in package.rglob("*.py") if pattern.search(path.read_text())}
    allowed = {Path("callbacks/log_images.py"), Path("report/wandb_dashboard.py")}
    assert {path for path in found if path.parts[0] != "tracking"} == allowed
