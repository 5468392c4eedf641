"""A job of a sweep in a process of its own, started by the command of a single run.

Under ``trainer=ddp`` each process starts the command of the first one again. In a sweep that would be the whole sweep.
"""

import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from gequnet.config.command_line import MISTAKE
from gequnet.errors import SweepError
from gequnet.runs.layout import STOPPED, RunFolder
from gequnet.sweep.jobs import quote_path

LINES = 100  # the last lines of a job's stderr that its error.txt keeps
SIGNAL_DELAY_S = 0.5  # Python handles a signal only when the main thread is not in a system call


def run_job(cfg: DictConfig) -> float:
    """Run a job in a process of its own; Hydra calls this in place of the training.

    Args:
        cfg: the job's configuration, which its process composes again.

    Returns:
        The best validation Dice.

    Raises:
        SweepError: a mistake in the configuration or the data; holds the job's own sentence.
        RuntimeError: the job failed; holds the end of its stderr.
        SystemExit: the job or this process got a signal to stop.
    """
    folder = Path(HydraConfig.get().runtime.output_dir).absolute()
    cwd = HydraConfig.get().runtime.cwd
    process = subprocess.Popen(command(folder), cwd=cwd, stderr=subprocess.PIPE, text=True, errors="replace")
    with process, forward_signals(process):
        lines = forward_stderr(process)
    code = process.returncode
    if code == STOPPED:
        raise SystemExit(STOPPED)
    if code == MISTAKE and lines:
        raise SweepError(lines[-1])
    if code != 0:
        raise RuntimeError(f"exit code {code}\n" + "\n".join(lines))
    return RunFolder(folder).read_best_dice()


def command(folder: Path) -> list[str]:
    """Command line of the current job of the sweep, as a single run in a folder of its own."""
    hydra = HydraConfig.get()
    own = [f"hydra.run.dir={quote_path(folder)}", "hydra.mode=RUN"]
    return [sys.executable, *program(Path(hydra.runtime.cwd)), *hydra.overrides.hydra, *hydra.overrides.task, *own]


def program(cwd: Path) -> list[str]:
    """Arguments of Python that start this program again: ``-m MODULE``, or the path of the script.

    Args:
        cwd: the working directory in which the program was started.
    """
    spec = sys.modules["__main__"].__spec__
    if spec is not None and spec.name.startswith("gequnet."):
        return ["-m", spec.name.removesuffix(".__main__")]
    return [os.path.join(cwd, sys.argv[0])]


def forward_stderr(process: "subprocess.Popen[str]") -> list[str]:
    """Copy the stderr of a process to this one's until it ends, and return its last lines.

    A second thread reads, so that the main one handles signals while the process prints nothing.
    """
    last: deque[str] = deque(maxlen=LINES)
    reader = threading.Thread(target=_copy_lines, args=(process, last), daemon=True)
    reader.start()
    while reader.is_alive():
        reader.join(SIGNAL_DELAY_S)
    return list(last)


def _copy_lines(process: "subprocess.Popen[str]", last: deque[str]) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        print(line, end="", file=sys.stderr, flush=True)
        if line.strip():
            last.append(line.rstrip())


@contextmanager
def forward_signals(process: "subprocess.Popen[str]") -> Iterator[None]:
    """Context in which SIGTERM and SIGINT stop a process first, and then this one and its sweep."""
    stopped = False

    def stop(*_: Any) -> None:
        nonlocal stopped
        stopped = True
        process.terminate()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if stopped:
            raise SystemExit(STOPPED)
