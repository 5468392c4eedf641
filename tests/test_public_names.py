"""Public names: what a user imports, and what the configurations build."""

import importlib
import re
import subprocess
import sys
import time

import pytest

import gequnet
from helpers.repository import CONF

TARGET = re.compile(r"^\s*_target_:\s*([\w.]+)", re.MULTILINE)
TARGETS = sorted({name for path in CONF.rglob("*.yaml") for name in TARGET.findall(path.read_text())})


@pytest.mark.parametrize("target", TARGETS)
def test_configurations_build_public_names(target: str) -> None:
    module, _, name = target.rpartition(".")
    package = importlib.import_module(module)
    assert hasattr(package, name)
    if target.startswith("gequnet."):
        assert name in package.__all__


def test_names_of_the_package() -> None:
    assert gequnet.__all__ == ["Predictor", "__version__", "load"]
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", gequnet.__version__)
    assert gequnet.Predictor.__name__ == "Predictor"
    with pytest.raises(AttributeError, match="'gequnet' has no attribute 'predictor'"):
        _ = gequnet.predictor


def test_the_package_imports_in_a_tenth_of_a_second() -> None:
    program = (
        "import sys, time; start = time.perf_counter(); import gequnet; "
        "print(time.perf_counter() - start, 'torch' in sys.modules)"
    )
    for _ in range(3):  # the best of three, on a machine that does other things
        seconds, torch = subprocess.check_output([sys.executable, "-c", program], text=True).split()
        assert torch == "False"
        if float(seconds) < 0.1:
            return
        time.sleep(1)
    pytest.fail(f"{seconds} s")
