"""Checkpoints from unknown sources: no code in them is run, and errors have a clear message."""

import ast
import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

import gequnet
from gequnet import experiment
from gequnet.config.compose import compose
from gequnet.errors import CheckpointError, ConfigError
from gequnet.evaluate import best_checkpoint as judged
from gequnet.nets.unet import UNet
from gequnet.runs.checkpoint import read_checkpoint, restore
from gequnet.runs.run_folder import load_run
from helpers.repository import ROOT
from helpers.untrained_run import make_run

TINY = ["model=unet", "width=fixed", "width.widths=[2,3]", "model.depth=2", "trainer=cpu"]
DRAWN = [*TINY, "data.source.size=40", "data.source.num_images={train: 2, val: 1, test: 1}", "data.patch_size=24"]
SMOKE = [*DRAWN, "data.batch_size=2", "data.patches_per_epoch=4", "trainer.max_steps=2", "~callbacks.equivariance"]


class Trap:
    """Object that makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __reduce__(self) -> tuple:
        return os.mkdir, (self.folder,)


def save_zip(content: object, path: Path) -> None:
    torch.save(content, path)


def save_old(content: object, path: Path) -> None:
    torch.save(content, path, _use_new_zipfile_serialization=False)


def save_pickle(content: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(content))


def save_text_pickle(content: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(content, protocol=0))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("run"), *TINY)


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    """A run folder with a good checkpoint, for the tests to damage."""
    folder = tmp_path / "run"
    (folder / "checkpoints").mkdir(parents=True)
    for name in ("config.yaml", "checkpoints/best.ckpt"):
        (folder / name).write_bytes((made / name).read_bytes())
    return folder


@pytest.mark.parametrize("save", [save_zip, save_old, save_pickle, save_text_pickle])
def test_a_checkpoint_that_would_run_code_is_refused_and_nothing_runs(save, run: Path, tmp_path: Path) -> None:
    checkpoint, sprung = run / "checkpoints" / "best.ckpt", tmp_path / "sprung"
    save({"state_dict": {"net.head.weight": Trap(sprung)}}, checkpoint)
    for read in (load_run, gequnet.load):
        with pytest.raises(ConfigError, match="is not safe: reading it would call posix.mkdir.*do not trust") as caught:
            read(run)
        assert str(checkpoint) in str(caught.value)
    assert not sprung.exists()
    if save is not save_old:  # the trap would have worked, had it been read as pickles are
        torch.load(checkpoint, weights_only=False) if save is save_zip else pickle.loads(checkpoint.read_bytes())
        assert sprung.exists()


def test_an_object_is_refused_as_well(tmp_path: Path) -> None:
    torch.save({"state_dict": nn.Linear(1, 1)}, tmp_path / "whole.ckpt")
    with pytest.raises(CheckpointError, match="is not safe: reading it would call"):
        read_checkpoint(tmp_path / "whole.ckpt")


def test_a_run_does_not_start_from_a_checkpoint_that_would_run_code(run: Path, tmp_path: Path) -> None:
    torch.save({"state_dict": {"net.head.weight": Trap(tmp_path / "sprung")}}, run / "checkpoints" / "best.ckpt")
    with pytest.raises(CheckpointError, match="is not safe"):
        experiment.run(compose([*SMOKE, f"init_from={run}", f"paths.run={tmp_path / 'second'}"]))
    assert not (tmp_path / "sprung").exists()


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
@pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec:FutureWarning")
def test_the_test_of_a_run_does_not_read_one_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The best checkpoint is exchanged between training and test."""
    found = judged.best_checkpoint

    def exchanged(trainer):
        checkpoint, score = found(trainer)
        torch.save({"state_dict": {"net.head.weight": Trap(tmp_path / "sprung")}}, checkpoint)
        return checkpoint, score

    monkeypatch.setattr(judged, "best_checkpoint", exchanged)
    with pytest.raises(CheckpointError, match="is not safe"):
        experiment.run(compose([*SMOKE, f"paths.run={tmp_path / 'run'}"]))
    assert not (tmp_path / "sprung").exists()


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
@pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec:FutureWarning")
def test_a_requeued_job_does_not_resume_from_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a cluster Lightning looks for a checkpoint of its own in the run's folder."""
    folder = tmp_path / "run"
    folder.mkdir()
    torch.save({"state_dict": {"net.head.weight": Trap(tmp_path / "sprung")}}, folder / "hpc_ckpt_1.ckpt")
    cluster = SimpleNamespace(detect=lambda: True)
    monkeypatch.setattr("pytorch_lightning.trainer.connectors.checkpoint_connector.SLURMEnvironment", cluster)
    with pytest.raises((CheckpointError, pickle.UnpicklingError), match=r"is not safe|Weights only load failed"):
        experiment.run(compose([*SMOKE, f"paths.run={folder}"]))
    assert not (tmp_path / "sprung").exists()


def test_damage_is_said_in_a_sentence(run: Path) -> None:
    checkpoint = run / "checkpoints" / "best.ckpt"
    whole = checkpoint.read_bytes()
    flipped = bytearray(whole)
    first = next(iter(read_checkpoint(checkpoint)["state_dict"].values()))
    flipped[whole.index(first.numpy().tobytes())] ^= 1  # which PyTorch itself does not notice
    checkpoint.write_bytes(flipped)
    torch.load(checkpoint, weights_only=True)
    with pytest.raises(CheckpointError, match="the checksum of .*data/0 in it is wrong"):
        load_run(run)
    for damaged in (b"", whole[:10], whole[: len(whole) // 2], whole[:-1], b"<html>404</html>", bytes(1000)):
        checkpoint.write_bytes(damaged)
        with pytest.raises(
            CheckpointError, match="cannot be read as a checkpoint .*damaged or was not written"
        ) as said:
            load_run(run)
        assert str(checkpoint) in str(said.value)
        assert "\n" not in str(said.value)


@pytest.mark.parametrize("content", [[1, 2], {"net.weight": torch.ones(1)}, {"state_dict": {"net.weight": 1.0}}])
def test_what_holds_no_weights_is_refused(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "other.ckpt")
    with pytest.raises(CheckpointError, match="holds no state_dict of tensors"):
        read_checkpoint(tmp_path / "other.ckpt")


def test_the_weights_of_another_network_are_refused(run: Path) -> None:
    net = UNet(in_channels=1, num_classes=1, widths=[2, 4])
    before = {name: value.clone() for name, value in net.state_dict().items()}
    with pytest.raises(CheckpointError, match="does not hold the weights of the network .* differ"):
        restore(net, run / "checkpoints" / "best.ckpt")
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def sources() -> Iterator[Path]:
    for folder in ("gequnet", "hydra_plugins", "benchmarks"):
        yield from sorted((ROOT / folder).rglob("*.py"))
    yield ROOT / "run.py"


def says(call: ast.Call, name: str, value: bool) -> bool:
    return any(
        word.arg == name and isinstance(word.value, ast.Constant) and word.value.value is value
        for word in call.keywords
    )


def unsafe_reading(text: str) -> Iterator[str]:
    """Lines of the source that read a file with possible code."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        whose, _, name = called.rpartition(".")
        reads = called == "torch.load" or (whose == "trainer" and name in ("fit", "validate", "test", "predict"))
        wrong = reads and not says(node, "weights_only", True)
        wrong |= whose in ("pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve") and name not in ("dumps",)
        wrong |= called in ("np.load", "numpy.load") and any(word.arg == "allow_pickle" for word in node.keywords)
        wrong |= name in ("load_from_checkpoint", "read_pickle", "Unpickler", "unsafe_load", "full_load")
        if wrong:
            yield f"line {node.lineno}: {ast.unparse(node)}"


def test_the_search_finds_what_it_is_for() -> None:
    for line in (
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "trainer.test(task, ckpt_path=path)",
        "pickle.load(file)",
        "np.load(path, allow_pickle=True)",
        "SegmentationTask.load_from_checkpoint(path)",
    ):
        assert list(unsafe_reading(line)), line
    assert not list(unsafe_reading("torch.load(path, weights_only=True); np.load(path); trainer.world_size"))


def test_nothing_is_ever_unpickled() -> None:
    found = {str(path): lines for path in sources() if (lines := list(unsafe_reading(path.read_text())))}
    assert not found


@pytest.mark.parametrize("node", ["model", "inference"])
def test_a_configuration_that_calls_something_else_is_refused(node: str, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", *TINY)
    recipe = OmegaConf.load(run / "config.yaml")
    recipe[node] = {"_target_": "os.mkdir", "path": str(tmp_path / "sprung")}
    OmegaConf.save(recipe, run / "config.yaml")
    with pytest.raises(ConfigError, match="would call os.mkdir, which is not on gequnet's list"):
        gequnet.load(run)
    assert not (tmp_path / "sprung").exists()


def test_classes_of_ones_own_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path, *TINY)
    recipe = OmegaConf.load(run / "config.yaml")
    recipe.model._target_ = "helpers.untrained_run.UNet"
    OmegaConf.save(recipe, run / "config.yaml")
    for trusted in ("", "helpers", "helpers.untrained_run"):  # a package is not enough
        monkeypatch.setenv("GEQUNET_TRUST", trusted)
        with pytest.raises(ConfigError, match="GEQUNET_TRUST=helpers.untrained_run.UNet"):
            load_run(run)
    monkeypatch.setenv("GEQUNET_TRUST", "others.Net, helpers.untrained_run.UNet")
    monkeypatch.setattr("helpers.untrained_run.UNet", UNet, raising=False)
    assert isinstance(load_run(run)[1], UNet)
