"""Progress and failures of the jobs of a sweep, as a callback of Hydra."""

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
from gequnet.runs.layout import RunFolder
from gequnet.sweep.folder import progress_line

log = logging.getLogger("gequnet.sweep")


class Progress(Callback):
    """Record the failure of a job, and print the progress of the sweep after each job."""

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **_: Any) -> None:
        """Do nothing outside a sweep."""
        if config.hydra.mode != RunMode.MULTIRUN:
            return
        from gequnet.distributed import is_first

        if job_return.status == JobStatus.FAILED:
            note_failure(Path(config.hydra.runtime.output_dir), job_return._return_value)
        if is_first():
            print(progress_line(Path(config.hydra.sweep.dir), time.time()), flush=True)


def note_failure(folder: Path, error: BaseException) -> None:
    """Write ``error.txt`` into a job's folder: a sentence for a user's mistake, the traceback for any other error."""
    from gequnet.config.explain import explain

    if isinstance(error, GequnetError):
        text = explain(error)
        log.error("%s: %s", folder.name, text)
    else:
        text = "".join(traceback.format_exception(error))
        log.error("%s failed:\n%s", folder.name, text)
    folder.mkdir(parents=True, exist_ok=True)
    RunFolder(folder).error.write_text(text + "\n", encoding="utf-8")
