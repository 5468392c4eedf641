"""Whole runs in two processes, compared with the same runs in one: curves, scores, folder, and resuming."""

import csv
import json
import logging
import os
import random
import runpy
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from gequnet import experiment
from gequnet.config.build import build
from gequnet.config.compose import compose
from gequnet.errors import ConfigError
from gequnet.evaluate.external_test import evaluate
from gequnet.runs.checkpoint import read_checkpoint
from gequnet.train.graceful_stop import GracefulStop
from gequnet.train.trainer import build_trainer
from gequnet.train.validate_config import validate_config
from helpers.ranks import Processes, ended, free_port, srun, started, torchrun
from helpers.repository import RUN

SLOW = pytest.mark.slow
LAST = "checkpoints/last.ckpt"
TINY = [
    "data=phantom_vessels", "data.source.size=40", "data.source.num_images={train: 3, val: 2, test: 3}",
    "data.patch_size=24", "data.patches_per_epoch=16", "augment=full", "trainer=cpu", "trainer.max_steps=10",
    "trainer.deterministic=true", "validations=2", "callbacks.equivariance.images=2", "width=fixed",
    "width.widths=[3,4]", "model.depth=2", "~callbacks.predictions", "~callbacks.contours",
]  # fmt: skip
ONE = ["data.batch_size=4"]
TWO = ["data.batch_size=2", "trainer.strategy=ddp", "trainer.devices=2"]  # the same four patches
SCALES = ["model=scale_unet2d", "group=scale3", "model.norm=batch", "model.form=kernels", "model.train_scales=null"]

# In double precision what is left is rounding; in single precision a ReLU may fall on either side of a kink.
DOUBLE, SINGLE = 1e-10, 1e-5


def training(folder: Path, *overrides: str, world: int = 2) -> Processes:
    def child(rank: int) -> None:
        logging.basicConfig(stream=sys.stderr, force=True)
        shared = TWO if world == 2 else ONE
        experiment.run(compose([*TINY, *shared, f"paths.run={folder}", *overrides]))

    return started(child, world)


def to_its_end(folder: Path, *overrides: str, world: int = 2) -> float:
    began = time.monotonic()
    assert ended(training(folder, *overrides, world=world)) == [0] * world
    return time.monotonic() - began


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def numbers(path: Path) -> torch.Tensor:
    """Numbers of a table; nan for empty cells."""
    values = [[value for name, value in row.items() if name != "id"] for row in rows_of(path)]
    return torch.tensor([[float(value or "nan") for value in row] for row in values], dtype=torch.float64)


def scores_of(folder: Path) -> dict[str, float]:
    scores: dict[str, float] = json.loads((folder / "metrics.json").read_text())["test"]
    return scores


def assert_close(folder: Path, other: Path, tolerance: float) -> None:
    """Curves, last weights and test scores of a run."""
    close: dict[str, Any] = {"rtol": tolerance, "atol": tolerance, "equal_nan": True}
    assert rows_of(folder / "history.csv")[0].keys() == rows_of(other / "history.csv")[0].keys()
    torch.testing.assert_close(numbers(folder / "history.csv"), numbers(other / "history.csv"), **close)
    weights, others = (read_checkpoint(each / LAST)["state_dict"] for each in (folder, other))
    assert weights.keys() == others.keys()
    for name, value in weights.items():
        torch.testing.assert_close(value, others[name], **close, msg=name)
    assert scores_of(folder) == pytest.approx(scores_of(other), abs=1e-6)
    ids = [[row["id"] for row in rows_of(each / "per_image.csv")] for each in (folder, other)]
    assert ids[0] == ids[1] == sorted(set(ids[0]))
    torch.testing.assert_close(numbers(folder / "per_image.csv"), numbers(other / "per_image.csv"), rtol=0, atol=1e-6)


def bits_of(folder: Path) -> tuple[dict[str, bytes], dict[str, float], list[dict[str, str]]]:
    weights = read_checkpoint(folder / LAST)["state_dict"]
    return (
        {name: value.numpy().tobytes() for name, value in weights.items()},
        scores_of(folder),
        rows_of(folder / "history.csv"),
    )


@pytest.mark.parametrize(
    "words",
    [
        ["model=e2unet", "group=c4"],
        pytest.param(["model=unet", "trainer.max_steps=-1", "trainer.max_epochs=3"], marks=SLOW),
        pytest.param(["model=e2unet", "group=o2"], marks=SLOW),
        pytest.param(SCALES, marks=SLOW),
        pytest.param(["model=unet", "data.source.num_images={train: 3, val: 1, test: 1}"], marks=SLOW),
        pytest.param(["model=e2unet", "group=c4", "trainer.accumulate_grad_batches=2", "loss.over=image"], marks=SLOW),
    ],
)
def test_one_and_two_processes_train_alike(words: list[str], tmp_path: Path) -> None:
    to_its_end(tmp_path / "one", *words, "trainer.precision=64-true", world=1)
    to_its_end(tmp_path / "two", *words, "trainer.precision=64-true")
    assert_close(tmp_path / "one", tmp_path / "two", DOUBLE)
    errors = [json.loads((tmp_path / each / "metrics.json").read_text())["equivariance"] for each in ("one", "two")]
    assert errors[0]["45°"]["error"] == pytest.approx(errors[1]["45°"]["error"], rel=1e-5)


@SLOW
@pytest.mark.parametrize("words", [["model=unet"], ["model=e2unet", "group=o2"]])
def test_in_single_precision_losses_are_alike_as_well(words: list[str], tmp_path: Path) -> None:
    to_its_end(tmp_path / "one", *words, world=1)
    to_its_end(tmp_path / "two", *words)
    curves = [
        torch.tensor([float(row["train/loss"]) for row in rows_of(tmp_path / each / "history.csv")])
        for each in ("one", "two")
    ]
    torch.testing.assert_close(*curves, rtol=SINGLE, atol=0)


@SLOW
def test_without_shared_norms_the_curves_part(tmp_path: Path) -> None:
    """Shows that the tests above can fail."""
    words = ["model=e2unet", "group=c4", "trainer.max_steps=2", "validations=1", "trainer.precision=64-true"]
    to_its_end(tmp_path / "one", *words, world=1)
    to_its_end(tmp_path / "two", *words, "trainer.sync_batchnorm=false")
    with pytest.raises(AssertionError):
        assert_close(tmp_path / "one", tmp_path / "two", 1e-4)


STOPPED = ["model=unet", "model.dropout=0.3", "validations=6", "resume=auto", "trainer.accumulate_grad_batches=3"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Uninterrupted runs by number of processes: steps of three batches, or of the last batch of an epoch."""
    folder = tmp_path_factory.mktemp("whole")

    def of(world: int) -> Path:
        if not (folder / str(world)).exists():
            to_its_end(folder / str(world), *STOPPED, world=world)
        return folder / str(world)

    return of


@pytest.mark.parametrize(
    ("world", "batch"),
    [
        pytest.param(2, 4, marks=SLOW),  # after which a validation follows, in the midst of a step
        pytest.param(2, 3, marks=SLOW),  # at the end of an epoch
        pytest.param(1, 4, marks=SLOW),
        pytest.param(1, 19, marks=SLOW),  # at the very end
    ],
)
def test_told_to_stop_they_go_on_to_the_same_bits(
    world: int, batch: int, whole: Callable[[int], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the last process gets the signal."""
    agree = GracefulStop.on_train_batch_end

    def told(callback: GracefulStop, trainer: Any, *arguments: Any) -> None:
        if trainer.fit_loop.total_batch_idx == batch and trainer.global_rank == world - 1:
            os.kill(os.getpid(), signal.SIGTERM)
        agree(callback, trainer, *arguments)

    monkeypatch.setattr(GracefulStop, "on_train_batch_end", told)
    assert ended(training(tmp_path, *STOPPED, world=world)) == [experiment.STOPPED, 0][:world]
    assert not (tmp_path / "metrics.json").exists()
    assert read_checkpoint(tmp_path / LAST)["global_step"] == 2 * (batch // 4) + (batch % 4 >= 2) + (batch % 4 == 3)
    monkeypatch.undo()
    to_its_end(tmp_path, *STOPPED, world=world)
    assert bits_of(tmp_path) == bits_of(whole(world))


@SLOW
def test_both_are_killed_at_random_moments_and_go_on_to_the_same_bits(tmp_path: Path) -> None:
    """Killed within epochs, while checkpoints are written, and while gradients are accumulated."""
    more = ["model=unet", "model.dropout=0.3", "trainer.max_steps=30", "validations=4", "resume=auto"]
    more += ["callbacks.last.every_minutes=0", "trainer.accumulate_grad_batches=3"]
    seconds = to_its_end(tmp_path / "whole", *more)
    lot = random.Random(0)
    for _ in range(5):
        processes = training(tmp_path / "killed", *more)
        processes[0].join(lot.uniform(0.3, 0.8) * seconds)
        for process in processes:
            process.kill()
        ended(processes)
    to_its_end(tmp_path / "killed", *more)
    assert bits_of(tmp_path / "killed") == bits_of(tmp_path / "whole")


@SLOW
def test_half_precision_and_gathered_gradients(tmp_path: Path) -> None:
    more = ["model=e2unet", "group=c4", "trainer.precision=bf16-mixed", "trainer.accumulate_grad_batches=2"]
    to_its_end(tmp_path / "one", *more, world=1)
    to_its_end(tmp_path / "two", *more)
    losses = [[float(row["train/loss"]) for row in rows_of(tmp_path / each / "history.csv")] for each in ("one", "two")]
    assert losses[0] == pytest.approx(losses[1], rel=0.05)


def typed(folder: Path, *words: str, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run a command in an empty folder."""
    command = [sys.executable, *before, str(RUN), *words]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def check_files(folder: Path) -> None:
    """Files that one process writes, exactly once."""
    names = {path.name for path in folder.iterdir()}
    assert names >= {"config.yaml", "metrics.json", "per_image.csv", "history.csv", "curves.png", "card.md", "run.log"}
    assert not [name for name in names if "ddp_process" in name]
    lines = Counter((folder / "run.log").read_text().splitlines())
    assert set(lines.values()) == {1}
    assert sum("2 processes" in line for line in lines) == 1
    assert [row["id"] for row in rows_of(folder / "per_image.csv")] == ["test-000", "test-001", "test-002"]


@pytest.mark.slow
def test_what_a_user_types(tmp_path: Path) -> None:
    """Two processes that share three test images; and the same checkpoint tested by one."""
    words = ["trainer=ddp", "trainer.accelerator=cpu", "data.batch_size=2", "trainer.max_steps=3", "validations=1"]
    done = typed(tmp_path, *[word for word in TINY if not word.startswith("trainer")], *words, "model=unet")
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert done.stdout.count("3 test images") == 1
    (folder,) = tmp_path.glob("runs/*/*/*")
    check_files(folder)
    alone = evaluate(folder)
    assert scores_of(alone) == pytest.approx(scores_of(folder), abs=1e-6)
    torch.testing.assert_close(numbers(alone / "per_image.csv"), numbers(folder / "per_image.csv"), rtol=0, atol=1e-6)


def command(folder: Path, *words: str, tells: Any = torchrun) -> Processes:
    """Runs ``run.py`` in two processes that another launcher has started, in a folder."""

    def child(rank: int) -> None:
        os.chdir(folder)
        sys.argv = [str(RUN), *words]
        runpy.run_path(str(RUN), run_name="__main__")

    return started(child, tells=tells)


@pytest.mark.parametrize(
    ("tells", "name"),
    [
        pytest.param(torchrun, "torchrun-test", marks=SLOW),
        pytest.param(srun, "slurm-71.0", marks=SLOW),
    ],
)
def test_started_from_outside_they_meet_in_one_folder(
    tells: Any, name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = [*TINY, *TWO, "model=unet", "trainer.max_steps=2", "validations=1"]
    assert ended(command(tmp_path, *words, tells=tells)) == [0, 0]
    (folder,) = tmp_path.glob("runs/*/*/*")
    assert folder.name == name
    check_files(folder)
    capfd.readouterr()
    assert ended(command(tmp_path, *words, tells=tells)) == [2, 2]
    assert capfd.readouterr().err.count("holds a finished run of the same name") == 2
    assert ended(command(tmp_path, *words, tells=partial(torchrun, name="none"))) == [2, 2]
    assert capfd.readouterr().err.startswith("torchrun has started several processes without a common name")
    assert [folder] == list(tmp_path.glob("runs/*/*/*"))


@SLOW
def test_torchrun_itself(tmp_path: Path) -> None:
    launcher = ("-m", "torch.distributed.run", "--nproc-per-node=2", f"--master-port={free_port()}")
    words = [*TINY, *TWO, "model=unet", "trainer.max_steps=2", "validations=1"]
    done = typed(tmp_path, *words, before=(*launcher, "--rdzv-id=monday"))
    assert done.returncode == 0, done.stderr
    (folder,) = tmp_path.glob("runs/*/*/*")
    assert folder.name == "torchrun-monday"
    check_files(folder)


@SLOW
def test_a_sweep_over_numbers_of_processes(tmp_path: Path) -> None:
    """Each job is a run of its own, with its arm, also where names have spaces."""
    words = ["experiment=drive_groups", "budget=smoke", "hydra.sweeper.only=[C4]", "paths.runs=my runs"]
    words += [word for word in TINY if not word.startswith(("trainer", "width", "validations"))]
    words += ["width=fixed", "+width.widths=[3,4]", "trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2,1"]
    done = typed(tmp_path, *words, "data.batch_size=2", "trainer.max_steps=2", "validations=1")
    assert "2 of 2 jobs done" in done.stdout, done.stderr
    assert done.returncode == 2
    assert "the effective batch" in done.stderr  # which the report does not take for equal treatment
    found = [json.loads(path.read_text()) for path in tmp_path.glob("my runs/sweeps/*/*/metrics.json")]
    assert [job["arm"] for job in found] == ["C4", "C4"]


@pytest.mark.filterwarnings("ignore:.*AMP with fp16 is not supported on CPU")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trainer=fsdp"], "fsdp.* requires a GPU|No supported gpu backend"),
        (["trainer.strategy=fsdp"], "fsdp.* requires a GPU"),
        (["trainer.strategy=ddp_fork", "trainer.devices=2"], "take trainer=ddp"),
        (["trainer.precision=16-mixed"], "take trainer.precision=bf16-mixed"),
        (["trainer=ddp", "trainer.accelerator=gpu"], "No supported gpu backend"),
    ],
)
def test_what_would_not_end_well_is_refused(words: list[str], message: str, tmp_path: Path) -> None:
    cfg = compose([*TINY, *words, f"paths.run={tmp_path}"])
    validate_config(cfg)
    with pytest.raises(ConfigError, match=message):
        build_trainer(cfg, build(cfg.data))


def test_several_nodes_need_someone_who_starts_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [*TINY, "trainer=ddp", "trainer.accelerator=cpu", "trainer.num_nodes=2", f"paths.run={tmp_path}"]
    with pytest.raises(ConfigError, match="torchrun or srun"):
        validate_config(compose(words))
    for name, value in torchrun(0, 2, "0").items():
        monkeypatch.setenv(name, value)
    cfg = compose(words)
    validate_config(cfg)
    with pytest.raises(ConfigError, match="2 processes were started, .* make 4"):
        build_trainer(cfg, build(cfg.data))


def test_other_launchers_are_sent_to_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cfg = compose([*TINY, "trainer=ddp", "trainer.accelerator=cpu", f"paths.run={tmp_path}"])
    monkeypatch.setattr("gequnet.train.strategy.in_sweep", lambda: True)  # as in a job of joblib
    with pytest.raises(ConfigError, match="hydra/launcher=processes"):
        build_trainer(cfg, build(cfg.data))
