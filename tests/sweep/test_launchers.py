"""Sweeps with submitted jobs: to processes of this machine, and to a stand-in for SLURM."""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
from submitit.local.local import LocalJob

from gequnet.runs.layout import RunFolder
from gequnet.sweep.folder import write_sweep
from gequnet.sweep.jobs import Job
from helpers import fake_slurm
from helpers.repository import TESTS
from hydra_plugins.gequnet_submitit import LocalJobs, Resumed, result_of

TINY = [
    "data=phantom_vessels", "data.source.size=40", "data.source.num_images={train: 2, val: 2, test: 2}",
    "data.patch_size=24", "data.batch_size=2", "data.patches_per_epoch=4", "trainer=cpu", "trainer.max_steps=6",
    "validations=1", "callbacks.equivariance.images=0", "model=unet", "width=fixed", "width.widths=[2,3]",
    "model.depth=2", "~callbacks.predictions", "~callbacks.contours",
]  # fmt: skip
TOLD = "+callbacks.preempted={_target_: helpers.preempted.Once, path: happened, step: 3}"
KILLED = "+callbacks.preempted={_target_: helpers.preempted.Once, path: happened, step: 3, number: 9}"

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers")

Typed = Callable[..., int]


@pytest.fixture
def swept(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Runs ``python run.py -m …`` with each job in a process of its own."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS.parent), str(TESTS)]))
    return lambda *words: typed("-m", *words, *TINY)


def only_sweep(folder: Path) -> Path:
    (plan,) = folder.glob("runs/sweeps/*/sweep.json")
    return plan.parent


@pytest.fixture
def slurm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Puts stand-ins for the commands of SLURM on the path."""
    folder = fake_slurm.install(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


@pytest.mark.slow
def test_an_array_of_one_job_that_loses_its_place_and_one_that_fails(
    swept: Typed, slurm: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The first job gets a signal near its time limit, writes a checkpoint, is requeued and resumes."""
    assert swept("optim.lr=0.01,-1", TOLD, "hydra/launcher=slurm", "hydra.launcher.partition=gpu") == 2
    sweep = only_sweep(tmp_path)
    (script,) = sweep.glob("jobs/7_submission.sh")
    asked = {line.removeprefix("#SBATCH --") for line in script.read_text().splitlines() if line.startswith("#SBATCH")}
    assert asked >= {
        "array=0-1%2", "gpus-per-node=1", "cpus-per-task=8", "mem=32GB", "time=720", "signal=USR2@300", "requeue",
        "partition=gpu", "open-mode=append", f"output={sweep}/jobs/%A_%a_0_log.out",
    }  # fmt: skip
    assert "scontrol requeue 7_0" in (slurm / "asked.txt").read_text().splitlines()
    out = (sweep / "jobs" / "7_0_0_log.out").read_text()
    assert out.index("no checkpoint in") < out.index("stopped by a signal") < out.index("resumes from /")
    (finished,) = sweep.glob("*/metrics.json")
    assert json.loads(finished.read_text())["steps"] == 6
    (error,) = sweep.glob("*/error.txt")
    assert "optim.lr=-1 must be at least 0" in error.read_text()
    said = capfd.readouterr()
    assert "1 of 2 jobs done, 1 failed" in said.out
    assert "1 of 2 jobs failed, see error.txt in each one's folder" in said.err
    assert (sweep / "report.html").exists()


@pytest.mark.slow
def test_an_array_whose_jobs_are_several_tasks(swept: Typed, slurm: Path, tmp_path: Path) -> None:
    """SLURM starts two processes of each training; one gets a signal at its time limit and resumes in two."""
    two = ["trainer.strategy=ddp", "trainer.devices=2", "hydra.launcher.tasks_per_node=2"]
    assert swept("seed=0,1", TOLD, "hydra/launcher=slurm", *two) == 0
    sweep = only_sweep(tmp_path)
    outs = [(sweep / "jobs" / f"7_0_{task}_log.out").read_text() for task in (0, 1)]
    assert outs[0].index("stopped by a signal") < outs[0].index("resumes from /")
    assert "resumes from" not in outs[1]  # only the first one speaks
    finished = list(sweep.glob("*/metrics.json"))
    assert [json.loads(path.read_text())["steps"] for path in finished] == [6, 6]
    assert all("in each of 2 processes" in (path.parent / "summary.txt").read_text() for path in finished)
    assert (sweep / "report.html").exists()


def test_what_is_still_in_the_queue_is_not_handed_in_again(
    swept: Typed, slurm: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The submitting process ended; the job array still exists when the same command is run again."""
    jobs = tmp_path / "handed in"
    jobs.mkdir()
    (jobs / "7_0_submitted.pkl").touch()
    (slurm / "process").write_text(str(os.getpid()))
    words = ["seed=0,1", "hydra/launcher=slurm", f"hydra.launcher.submitit_folder='{jobs}'"]
    assert swept(*words) == 2
    assert "still in the queue (7)" in capfd.readouterr().err
    assert "sbatch" not in (slurm / "asked.txt").read_text()


@pytest.mark.slow
def test_without_slurm_there_is_a_sentence(
    swept: Typed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert swept("seed=0,1", "hydra/launcher=slurm") == 2
    said = capfd.readouterr().err
    assert said.startswith("There is no SLURM on this machine")
    assert said.count("\n") == 1


def test_a_lost_job_has_failed_and_says_where_to_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LocalJob, "_results_timeout_s", 0)
    write_sweep(tmp_path, [Job((), "one", "")], 1, [])
    result = result_of(LocalJob(tmp_path, "5"), tmp_path / "one")
    assert result.status.name == "FAILED"
    assert "5_0_log.err" in RunFolder(tmp_path / "one").error.read_text()


@pytest.mark.parametrize("training", [False, True])
def test_a_job_leaves_its_place_once(training: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a training it stops at once; else the training gets the signal and stops gracefully."""
    happened = []

    def leave(*_: Any) -> NoReturn:
        happened.append("left")
        sys.exit(144)

    def job(launcher: Any, overrides: list[str]) -> None:
        happened.extend(overrides)
        if training:
            signal.signal(signal.SIGTERM, lambda *_: happened.append("told"))
        os.kill(os.getpid(), signal.SIGUSR2)
        happened.append("checkpoint")
        sys.exit(143)

    # Not by its name: Hydra executes plugins anew when it looks for them, and then there are two of it.
    monkeypatch.setattr(Resumed.__base__, "__call__", job)
    before = {number: signal.getsignal(number) for number in (signal.SIGUSR2, signal.SIGTERM)}
    signal.signal(signal.SIGUSR2, leave)
    try:
        with pytest.raises(SystemExit, match="144"):
            LocalJobs()(["seed=0"])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    stopped = ["told", "checkpoint"] if training else []
    assert happened == ["resume=auto", "seed=0", *stopped, "left"]


@pytest.mark.slow
def test_a_launcher_that_knows_nothing_of_us_loses_a_job_and_not_the_report(
    swept: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The first of two jobs is killed; the same command then resumes from its last checkpoint."""
    monkeypatch.setattr(LocalJob, "_results_timeout_s", 0)
    words = ["optim.lr=0.01,0.02", KILLED, "callbacks.last.every_minutes=0"]
    assert swept(*words, "hydra/launcher=submitit_local", "hydra.sweeper.max_batch_size=1") == 2
    said = capfd.readouterr()
    assert "the launcher failed" in said.out
    assert "1 of 2 jobs have no result" in said.err
    sweep = only_sweep(tmp_path)
    assert len(list(sweep.glob("*/metrics.json"))) == 1
    assert (sweep / "report.html").exists()
    assert swept(*words, "hydra/launcher=local_jobs") == 0
    assert "1 of 2 jobs are finished and are not run again" in capfd.readouterr().out
    (out,) = sweep.glob("jobs/*_0_log.out")
    assert "resumes from /" in out.read_text()
    assert len(list(sweep.glob("*/metrics.json"))) == 2
