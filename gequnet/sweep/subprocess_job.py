"""A job of a sweep in a process of its own, as if somebody had typed its command.

The processes of ``trainer=ddp`` type the command that they come from again. In a sweep that would be the whole sweep.
"""

import json
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from gequnet.errors import SweepError
from gequnet.runs.layout import FINISHED, STOPPED
from gequnet.sweep.jobs import quote_path

LINES = 100  # of what a job has complained about are kept for its error.txt


def run_job(cfg: DictConfig) -> float:
    """What Hydra calls for a job in place of the run itself.

    Args:
        cfg: the job's configuration, which its process composes anew.

    Returns:
        The best validation Dice.

    Raises:
        SweepError: the job cannot be run as it is typed; says why.
        RuntimeError: it has failed; holds the end of what it wrote to stderr.
        SystemExit: it was told to stop, or this process was.
    """
    folder = Path(HydraConfig.get().runtime.output_dir).absolute()
    place = HydraConfig.get().runtime.cwd
    process = subprocess.Popen(command(folder), cwd=place, stderr=subprocess.PIPE, text=True, errors="replace")
    with process, told_on(process):
        said = passed_on(process)
    code = process.returncode
    if code == STOPPED:
        raise SystemExit(STOPPED)
    if code == 2 and said:
        raise SweepError(said[-1])
    if code != 0:
        raise RuntimeError(f"exit code {code}\n" + "\n".join(said))
    best: float = json.loads((folder / FINISHED).read_text(encoding="utf-8"))["val_best"]["dice"]
    return best


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


def passed_on(process: "subprocess.Popen[str]") -> list[str]:
    """Hands on what a process writes to stderr until it ends; the last lines of it."""
    last: deque[str] = deque(maxlen=LINES)
    assert process.stderr is not None
    for line in process.stderr:
        print(line, end="", file=sys.stderr, flush=True)
        if line.strip():
            last.append(line.rstrip())
    return list(last)


@contextmanager
def told_on(process: "subprocess.Popen[str]") -> Iterator[None]:
    """Meanwhile who tells this process to stop tells that one, and the sweep stops with it."""
    told = False

    def tell(*_: Any) -> None:
        nonlocal told
        told = True
        process.terminate()

    before = {number: signal.signal(number, tell) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if told:
            raise SystemExit(STOPPED)
