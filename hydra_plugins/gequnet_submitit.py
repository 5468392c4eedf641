"""Launchers for the jobs of a sweep on SLURM, or in processes of this machine, by submitit.

They extend those of hydra-submitit-launcher for trainings of many hours. A job that is preempted writes a checkpoint
before it is queued again, and continues from there. The sweep waits for every job, also when others have failed.
"""

import logging
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus
from hydra_plugins.hydra_submitit_launcher import submitit_launcher  # a class named here would be registered twice
from hydra_plugins.hydra_submitit_launcher.config import BaseQueueConf

log = logging.getLogger("gequnet.sweep")


class Resumed(submitit_launcher.BaseSubmititLauncher):
    """Launcher whose jobs continue where an earlier start of them ended."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Submit all jobs as one array, wait for them, and print the progress of the sweep after each."""
        from gequnet.sweep.folder import progress_line
        from gequnet.sweep.jobs import output_dir_of

        number, folders = len(job_overrides), [output_dir_of(overrides) for overrides in job_overrides]
        jobs = self.submit(
            [list(overrides) for overrides in job_overrides],
            ["hydra.sweep.dir"] * number,
            range(initial_job_idx, initial_job_idx + number),
            ["known in the job"] * number,
            [Singleton.get_state()] * number,
        )
        log.info("%d jobs are submitted; their output is in %s", number, jobs[0].paths.folder)
        results: dict[int, JobReturn] = {}
        while len(results) < number:
            time.sleep(1)
            if ended := [index for index, job in enumerate(jobs) if index not in results and job.done()]:
                results |= {index: result_of(jobs[index], folders[index]) for index in ended}
                print(progress_line(folders[0].parent, time.time()), flush=True)
        return [results[index] for index in range(number)]

    def submit(self, *arguments: Sequence[Any]) -> list[Any]:
        """Jobs of submitit, each of which calls this launcher.

        Args:
            arguments: of the calls, each a value for every job.

        Raises:
            ConfigError: there is no SLURM, or it refuses the jobs.
        """
        from submitit.core.utils import FailedSubmissionError

        from gequnet.errors import ConfigError

        try:
            jobs: list[Any] = self.executor().map_array(self, *arguments)
        except FailedSubmissionError as error:
            reason = str(error).strip().splitlines()[-1]
            raise ConfigError(
                f"SLURM refused the jobs ({reason}): hydra.launcher holds the resources that were requested."
            ) from None
        return jobs

    def executor(self) -> Any:
        """Executor of submitit, with the values of the configuration under submitit's names."""
        import submitit

        from gequnet.errors import ConfigError

        given = {name: value for name, value in self.params.items() if value is not None}
        folder, retries = given.pop("submitit_folder"), given.pop("max_num_timeout", None)
        first = {} if retries is None else {f"{self._EXECUTOR}_max_num_timeout": retries}
        try:
            executor = submitit.AutoExecutor(folder, self._EXECUTOR, **first)
        except RuntimeError:
            raise ConfigError(
                "There is no SLURM on this machine (no srun): run the command on a machine of the cluster, or take "
                "hydra/launcher=local_jobs or parallel."
            ) from None
        shared = vars(BaseQueueConf)
        executor.update_parameters(
            **{name if name in shared else f"{self._EXECUTOR}_{name}": value for name, value in given.items()}
        )
        return executor

    def __call__(self, sweep_overrides: list[str], *arguments: Any) -> JobReturn:
        """Run a job, in a process of its own.

        At the signal before the end of its time, submitit queues a job again at once. Here the signal stops a training,
        which writes its checkpoint first.
        """
        from submitit import JobEnvironment

        warning = JobEnvironment._usr_sig()
        requeue, default = signal.getsignal(warning), signal.getsignal(signal.SIGTERM)
        assert callable(requeue)
        stopped = False

        def stop(number: int, frame: Any) -> None:
            nonlocal stopped
            if signal.getsignal(signal.SIGTERM) == default:  # before the training, or after the test
                requeue(number, frame)
            stopped = True
            os.kill(os.getpid(), signal.SIGTERM)

        signal.signal(warning, stop)
        try:
            return super().__call__(["resume=auto", *sweep_overrides], *arguments)
        except SystemExit:
            if stopped:
                requeue(warning, None)
            raise


class SlurmJobs(Resumed, submitit_launcher.SlurmLauncher):
    """Jobs of SLURM; see ``conf/hydra/launcher/slurm.yaml``."""

    def submit(self, *arguments: Sequence[Any]) -> list[Any]:
        """Submit an array, unless one of this sweep is still queued: jobs outlive the command that submitted them."""
        from gequnet.errors import ConfigError

        folder = Path(self.params["submitit_folder"])
        if running := sorted(queued() & {path.name.partition("_")[0] for path in folder.glob("*_submitted.pkl")}):
            raise ConfigError(
                f"Jobs of this sweep are still in the queue ({', '.join(running)}): wait for them and then type the "
                f"same again, or end them first, with scancel {' '.join(running)}."
            )
        return super().submit(*arguments)


class LocalJobs(Resumed, submitit_launcher.LocalLauncher):
    """Processes of this machine, all of them at once; see ``conf/hydra/launcher/local_jobs.yaml``."""


def queued() -> set[str]:
    """Numbers of this user's jobs, or arrays of jobs, in SLURM's queue; none without SLURM."""
    command = ["squeue", "--me", "--noheader", "--format=%F"]
    found = subprocess.run(command, capture_output=True, text=True, check=False) if shutil.which("squeue") else None
    return set(found.stdout.split()) if found else set()


def result_of(job: Any, folder: Any) -> JobReturn:
    """Result of a job. One whose process was lost has failed; the reason is written into its folder.

    Args:
        job: of submitit, which has ended.
        folder: of the job.
    """
    from submitit.core.utils import FailedJobError, UncompletedJobError

    from gequnet.errors import SweepError
    from gequnet.sweep.progress import note_failure

    try:
        result: JobReturn = job.results()[0]
        return result
    except (FailedJobError, UncompletedJobError):
        error = SweepError(
            f"The process of this job was lost ({job.state}); the end of its output is in {job.paths.stderr}. The same "
            "command runs it again."
        )
        note_failure(folder, error)
        return JobReturn(status=JobStatus.FAILED, _return_value=error)
