"""The wheel, installed into a fresh environment and used from a folder outside the checkout."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from helpers.repository import CONF, ROOT

SLOW = pytest.mark.slow
SOURCES = ["gequnet", "conf", "hydra_plugins", "pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"]

TINY = [
    "data.source.size=40", "data.source.num_images={train: 2, val: 1, test: 2}", "data.patch_size=24",
    "data.batch_size=2", "data.patches_per_epoch=4", "trainer.max_steps=1", "validations=1", "forecast=false",
    "trainer.accelerator=cpu", "width=fixed", "width.widths=[4,8]", "model.depth=2",
]  # fmt: skip

PROGRAM = '''
"""A user's program, of public names only."""

import torch
from torch import Tensor

import gequnet
from gequnet import Predictor
from gequnet.data import Drive, PhantomVessels, SegmentationDataModule
from gequnet.layers import ConvBlock, ScaleConv, SteerableConv
from gequnet.losses import DiceCELoss, SegmentationLoss
from gequnet.metrics import SegmentationMetrics, hd95
from gequnet.nets import E2UNet, ScaleUNet, UNet
from gequnet.symmetry import PlaneGroup, ScaleGroup, equivariance_error

version: str = gequnet.__version__
net = E2UNet(in_channels=3, num_classes=1, widths=[4, 6], group="d4")
nets: list[torch.nn.Module] = [net, UNet(in_channels=3, num_classes=1, widths=[4, 6])]
logits: Tensor = net(torch.zeros(1, 3, 17, 20))
criterion: SegmentationLoss = DiceCELoss(head="sigmoid")


def predict(run: str, image: Tensor) -> object:
    predictor: Predictor = gequnet.load(run)
    return predictor.predict(image.numpy())


print(version, logits.shape)
'''


PLUGINS = """
from hydra.core.plugins import Plugins
for plugin in Plugins.instance().discover():
    print(plugin.__module__, plugin.__name__)
"""


def output_of(command: list[str | Path], folder: Path, code: int = 0) -> str:
    """What a command prints, on stdout and stderr, in a folder and with an environment that knows no checkout."""
    hidden = ("PYTHONPATH", "VIRTUAL_ENV", "PYTEST_CURRENT_TEST")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env=environment | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == code, done.stdout
    return done.stdout


def run_of(folder: Path) -> Path:
    (config,) = folder.glob("runs/*/*/*/config.yaml")
    return config.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that the checkout keeps no build folder."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-index", "--no-build-isolation"]
    output_of([*pip, "--wheel-dir", out, source], source)
    (built,) = out.glob("gequnet-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that holds the wheel; the environment of the tests lends it the dependencies.

    A ``.pth`` file lends the folder of the packages only: the editable gequnet in it is found by a ``.pth`` file, which
    counts in the environment's own folder alone.
    """
    folder = tmp_path_factory.mktemp("environment")
    output_of([sys.executable, "-m", "venv", "--without-pip", folder], folder)
    (site,) = folder.glob("lib/*/site-packages")
    (site / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", "--ignore-installed"]
    output_of([*pip, wheel], folder)
    return folder / "bin"


@pytest.fixture(scope="module")
def run(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of one step."""
    folder = tmp_path_factory.mktemp("user")
    output_of([installed / "gequnet", "train", *TINY, "model=e2unet", "group=c4"], folder)
    return run_of(folder)


def test_what_is_in_it_and_that_it_starts(wheel: Path, installed: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {f"gequnet/conf/{path.relative_to(CONF)}" for path in CONF.rglob("*.yaml")} <= names
    assert {f"hydra_plugins/{path.name}" for path in (ROOT / "hydra_plugins").glob("*.py")} <= names
    package = [path for path in (ROOT / "gequnet").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert {str(path.relative_to(ROOT)) for path in package} <= names
    assert not [name for name in names if name.startswith("tests")]

    found = output_of([installed / "python", "-c", "import gequnet; print(gequnet.__file__)"], tmp_path)
    assert Path(found.strip()).is_relative_to(installed.parent)
    assert output_of([installed / "gequnet", "--version"], tmp_path).startswith("gequnet 0")
    config = output_of([installed / "gequnet", "train", "--cfg", "job", "model=unet"], tmp_path)
    assert "_target_: gequnet.nets.UNet" in config
    sentence = output_of([installed / "gequnet", "train", "modle=unet"], tmp_path, code=2)
    assert sentence.count("\n") == 1
    assert "nearest is model" in sentence


def test_each_plugin_of_hydra_is_registered_once(installed: Path, tmp_path: Path) -> None:
    """In the environment of the wheel; and in the checkout, where an editable install may offer a plugin again."""
    for python, folder in ((installed / "python", tmp_path), (sys.executable, ROOT)):
        plugins = output_of([python, "-c", PLUGINS], folder).splitlines()
        assert "hydra_plugins.gequnet_search SearchSweeper" in plugins
        assert len(plugins) == len(set(plugins))


@SLOW
def test_what_is_done_with_a_run(installed: Path, run: Path, tmp_path: Path) -> None:
    shutil.copy(run / "predictions.png", tmp_path / "image.png")
    grey = "from PIL import Image; Image.open('image.png').convert('L').resize((40, 40)).save('image.png')"
    output_of([installed / "python", "-c", grey], tmp_path)
    output_of([installed / "gequnet", "predict", run, "image.png", "-o", "mask.png"], tmp_path)
    output_of([installed / "gequnet", "export", run, "-o", "net.onnx"], tmp_path)
    output_of([installed / "gequnet", "evaluate", run, "-o", "evaluation", "trainer.accelerator=cpu"], tmp_path)
    output_of([installed / "gequnet", "report", run, "--out", "report"], tmp_path)
    output_of([installed / "gequnet", "card", run], tmp_path)
    assert {path.name for path in tmp_path.iterdir()} >= {"mask.png", "net.onnx", "evaluation", "report"}
    assert "drive" in output_of([installed / "gequnet", "data", "list"], tmp_path)


@SLOW
@pytest.mark.parametrize("words", [[], ["hydra/launcher=processes"], ["hydra/launcher=parallel"]])
def test_a_sweep_of_two_jobs(installed: Path, words: list[str], tmp_path: Path) -> None:
    said = output_of([installed / "gequnet", "train", "-m", *TINY, "model=unet", "seed=0,1", *words], tmp_path)
    assert "2 of 2 jobs done" in said
    assert len(list(tmp_path.glob("runs/sweeps/*/*/metrics.json"))) == 2
    assert list(tmp_path.glob("runs/sweeps/*/report.html"))


@SLOW
@pytest.mark.parametrize("sweep", [False, True])
def test_two_processes_of_one_training(installed: Path, sweep: bool, tmp_path: Path) -> None:
    words = ["-m", "seed=0,1"] if sweep else []
    output_of(
        [installed / "gequnet", "train", *words, *TINY, "model=unet", "trainer=ddp", "trainer.devices=2"], tmp_path
    )
    assert len(list(tmp_path.glob("runs/**/metrics.json"))) == 1 + sweep


@SLOW
def test_a_search(installed: Path, tmp_path: Path) -> None:
    words = [
        "sweep=optuna",
        "optim.lr=interval(1e-3,1e-2)",
        "hydra.sweeper.n_trials=2",
        "hydra.sweeper.max_batch_size=1",
    ]
    said = output_of([installed / "gequnet", "train", "-m", *TINY, "model=unet", *words], tmp_path)
    assert "2 of 2 jobs done" in said


@SLOW
def test_a_program_of_public_names_is_typed(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    output_of([installed / "python", "-m", "mypy", "--strict", "program.py"], tmp_path)
    assert "torch.Size([1, 1, 17, 20])" in output_of([installed / "python", "program.py"], tmp_path)
