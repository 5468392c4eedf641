"""Packages of extras that are not installed."""

import re
import subprocess
import sys
import tomllib

import pytest

from gequnet.config.extras import EXTRAS, missing_extra
from helpers.repository import ROOT
from helpers.slow import slow_unless

BLOCKED = """
import sys
sys.modules.update(dict.fromkeys(sys.argv[1].split(",")))
sys.argv[1:] = sys.argv[2:]
"""
TRAIN = "from gequnet.train.__main__ import main\nsys.exit(main())"
COMMAND = "from gequnet.__main__ import main\nsys.exit(main())"


@pytest.mark.parametrize(
    ("blocked", "program", "words", "sentence"),
    [
        ("hydra,omegaconf", TRAIN, [], "hydra is not installed: pip install 'gequnet[train]'."),
        ("rich", COMMAND, ["predict", "RUN"], "rich is not installed: pip install 'gequnet[train]'."),
        ("optuna", TRAIN, ["-m", "sweep=optuna"], "optuna is not installed: pip install 'gequnet[search]'."),
    ],
)
def test_a_command_names_the_extra(blocked: str, program: str, words: list[str], sentence: str) -> None:
    command = [sys.executable, "-c", BLOCKED + program, blocked, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, f"{sentence}\n")


@pytest.mark.parametrize(
    ("package", "program"),
    slow_unless(
        lambda case: case[0] in ("omegaconf", "safetensors"),
        [
            ("omegaconf", "import gequnet\ngequnet.load('run')"),
            ("pydicom", "from gequnet.data.formats.dicom import _pixels\n_pixels('slice.dcm')"),
            ("onnxruntime", "from gequnet.export import onnx_file\nonnx_file.read_onnx('net.onnx')"),
            ("safetensors", "import gequnet.export\ngequnet.export.load_safetensors('net.safetensors')"),
        ],
    ),
)
def test_a_function_names_the_extra(package: str, program: str) -> None:
    command = [sys.executable, "-c", BLOCKED + program, package]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    extra = next(extra for extra, packages in EXTRAS.items() if package in packages)
    last = f"MissingExtraError: {package} is not installed: pip install 'gequnet[{extra}]'."
    assert done.stderr.strip().endswith(last)


def test_each_package_is_in_its_extra() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    distributions = {"hydra": "hydra-core", "PIL": "pillow"}
    for extra, packages in EXTRAS.items():
        named = {re.split(r"[>=<]", requirement)[0] for requirement in extras[extra]}
        assert {distributions.get(package, package.replace("_", "-")) for package in packages} <= named


def test_an_error_that_is_its_own_cause_ends_the_search() -> None:
    """So is the error of a constructor, which is raised without the one that Hydra makes of it."""
    first, second = ValueError("of the constructor"), RuntimeError("of Hydra")
    first.__context__, second.__cause__ = second, first
    assert missing_extra(first) is None
    second.__cause__ = ModuleNotFoundError("No module named 'pydicom'")
    assert "gequnet[dicom]" in str(missing_extra(first))
