"""What is said after each job of a sweep, and written down about those that failed."""

import logging
import time
import traceback
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig

from gequnet.errors import GequnetError
from gequnet.runs.layout import FAILED
from gequnet.sweep.folder import progress_line

log = logging.getLogger("gequnet.sweep")


class Progress(Callback):
    """Hydra's callback: notes how each job of a sweep ended, and says how far the sweep is."""

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **_: Any) -> None:
        """After a job; outside a sweep nothing happens."""
        if config.hydra.mode != RunMode.MULTIRUN:
            return
        from gequnet.distributed import is_first

        if job_return.status == JobStatus.FAILED:
            note_failure(Path(config.hydra.runtime.output_dir), job_return._return_value)
        if is_first():  # of the processes of a job
            print(progress_line(Path(config.hydra.sweep.dir), time.time()), flush=True)


def note_failure(folder: Path, error: BaseException) -> None:
    """Writes down in a job's folder why it has no result: a sentence about a mistake, all there is about a bug."""
    from gequnet.config.explain import explain

    if isinstance(error, GequnetError):
        text = explain(error)
        log.error("%s: %s", folder.name, text)
    else:
        text = "".join(traceback.format_exception(error))
        log.error("%s failed:\n%s", folder.name, text)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FAILED).write_text(text + "\n", encoding="utf-8")
