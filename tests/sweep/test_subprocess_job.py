"""Jobs of a sweep in processes of their own; short scripts stand in for trainings."""

import json
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, open_dict

from gequnet.config.compose import CONF
from gequnet.errors import SweepError
from gequnet.runs.layout import STOPPED
from gequnet.sweep.subprocess_job import command, run_job
from gequnet.train.strategy import starts_processes


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of Hydra's present job; the tests write its script."""
    folder = tmp_path / "it's a job"
    folder.mkdir()
    words = ["seed=3", "chosen.arm='U-Net + rotation'", "hydra.mode=MULTIRUN", "hydra/launcher=processes"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("config", words, return_hydra_config=True)
    with open_dict(cfg):
        cfg.hydra.runtime.output_dir, cfg.hydra.runtime.cwd = str(folder), str(tmp_path)
    HydraConfig.instance().set_config(cfg)
    monkeypatch.setattr(sys, "argv", ["script.py", "-m", "seed=3,4"])
    return folder


def write(job: Path, *lines: str) -> None:
    (job.parent / "script.py").write_text("import json, os, signal, sys, time\n" + "\n".join(lines))


def test_the_command_is_that_of_a_single_run_in_the_jobs_folder(job: Path) -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("config", command(job)[2:], return_hydra_config=True)
    assert (cfg.seed, cfg.chosen.arm) == (3, "U-Net + rotation")
    assert (cfg.hydra.run.dir, cfg.hydra.mode.name) == (str(job), "RUN")


def test_what_a_job_has_found_is_read_from_its_folder(job: Path, capfd: pytest.CaptureFixture[str]) -> None:
    metrics = json.dumps({"val_best": {"dice": 0.7}})
    write(job, f"open({str(job / 'metrics.json')!r}, 'w').write({metrics!r})", "print('a step')")
    assert run_job(DictConfig({})) == 0.7
    assert capfd.readouterr().out == "a step\n"


def test_a_mistake_is_the_jobs_own_sentence(job: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(job, "print('There is no group=c9.', file=sys.stderr)", "sys.exit(2)")
    with pytest.raises(SweepError, match=r"^There is no group=c9\.$"):
        run_job(DictConfig({}))
    assert capfd.readouterr().err == "There is no group=c9.\n"


def test_a_failure_keeps_the_end_of_its_traceback(job: Path) -> None:
    write(job, "raise ZeroDivisionError('by chance')")
    with pytest.raises(RuntimeError, match="(?s)exit code 1.*Traceback.*by chance"):
        run_job(DictConfig({}))


def test_who_stops_the_sweep_stops_its_job(job: Path) -> None:
    write(job, "signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))", "open('ready', 'w')", "time.sleep(60)")
    before = signal.getsignal(signal.SIGTERM)

    def stop() -> None:
        """Send the signal to this thread: as if it came just before the main one began to wait."""
        while not (job.parent / "ready").exists():
            time.sleep(0.01)
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

    threading.Thread(target=stop).start()
    began = time.monotonic()
    with pytest.raises(SystemExit) as end:
        run_job(DictConfig({}))
    assert time.monotonic() - began < 30
    assert end.value.code == STOPPED
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize(
    ("strategy", "devices", "starts"),
    [("auto", 1, False), ("auto", "auto", True), ("auto", 2, True), ("ddp", 1, True), ("fsdp", 2, True)],
)
def test_which_jobs_need_it(strategy: str, devices: int | str, starts: bool) -> None:
    assert starts_processes(DictConfig({"strategy": strategy, "devices": devices})) is starts
