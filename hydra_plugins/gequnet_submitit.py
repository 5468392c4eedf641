"""Launchers that hand the jobs of a sweep to SLURM, or to processes of this machine as if it were one, by submitit.

They are those of hydra-submitit-launcher, with what trainings of many hours want: a job that loses its place reaches a
checkpoint before it is queued again, and goes on from there; and the sweep waits for every job, whatever became of the
others.
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
from hydra_plugins.hydra_submitit_launcher.config import BaseQueueConf
from hydra_plugins.hydra_submitit_launcher.submitit_launcher import BaseSubmititLauncher, LocalLauncher, SlurmLauncher

log = logging.getLogger("gequnet.sweep")


class Resumed(BaseSubmititLauncher):
    """A launcher whose jobs go on where an earlier start of them ended."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Hands in all jobs at once, as one array, waits for them, and says after each how far the sweep is."""
        from gequnet.sweep.folder import progress_line
        from gequnet.sweep.jobs import output_dir_of

        number, places = len(job_overrides), [output_dir_of(overrides) for overrides in job_overrides]
        jobs = self.hand_in(
            [list(overrides) for overrides in job_overrides],
            ["hydra.sweep.dir"] * number,
            range(initial_job_idx, initial_job_idx + number),
            ["known in the job"] * number,
            [Singleton.get_state()] * number,
        )
        log.info("%d jobs are handed in; what they say is in %s", number, jobs[0].paths.folder)
        results: dict[int, JobReturn] = {}
        while len(results) < number:
            time.sleep(1)
            if ended := [index for index, job in enumerate(jobs) if index not in results and job.done()]:
                results |= {index: result_of(jobs[index], places[index]) for index in ended}
                print(progress_line(places[0].parent, time.time()), flush=True)
        return [results[index] for index in range(number)]

    def hand_in(self, *arguments: Sequence[Any]) -> list[Any]:
        """Submitit's jobs, which call this launcher.

        Args:
            arguments: of the calls, each a value for every job.

        Raises:
            ConfigError: there is no SLURM, or it does not take them.
        """
        from submitit.core.utils import FailedSubmissionError

        from gequnet.errors import ConfigError

        try:
            jobs: list[Any] = self.executor().map_array(self, *arguments)
        except FailedSubmissionError as error:
            reason = str(error).strip().splitlines()[-1]
            raise ConfigError(
                f"SLURM did not take the jobs ({reason}): see hydra.launcher for what it was asked."
            ) from None
        return jobs

    def executor(self) -> Any:
        """submitit's, with the values of the configuration under the names by which it knows them."""
        import submitit

        from gequnet.errors import ConfigError

        given = {name: value for name, value in self.params.items() if value is not None}
        folder, retries = given.pop("submitit_folder"), given.pop("max_num_timeout", None)
        first = {} if retries is None else {f"{self._EXECUTOR}_max_num_timeout": retries}
        try:
            executor = submitit.AutoExecutor(folder, self._EXECUTOR, **first)
        except RuntimeError:
            raise ConfigError(
                "There is no SLURM on this machine (no srun): type the command on one of the cluster's, or take "
                "hydra/launcher=local_jobs or parallel."
            ) from None
        shared = vars(BaseQueueConf)
        executor.update_parameters(
            **{name if name in shared else f"{self._EXECUTOR}_{name}": value for name, value in given.items()}
        )
        return executor

    def __call__(self, sweep_overrides: list[str], *arguments: Any) -> JobReturn:
        """A job, in a process of its own.

        At the signal that precedes the end of its time, submitit leaves for a new place in the queue at once. Here a
        training is told to stop, and leaves when it has written its checkpoint.
        """
        from submitit import JobEnvironment

        soon = JobEnvironment._usr_sig()
        leave, nobody = signal.getsignal(soon), signal.getsignal(signal.SIGTERM)
        assert callable(leave)
        told = False

        def tell(number: int, frame: Any) -> None:
            nonlocal told
            if signal.getsignal(signal.SIGTERM) == nobody:  # before the training, or after the test
                leave(number, frame)
            told = True
            os.kill(os.getpid(), signal.SIGTERM)

        signal.signal(soon, tell)
        try:
            return super().__call__(["resume=auto", *sweep_overrides], *arguments)
        except SystemExit:
            if told:
                leave(soon, None)
            raise


class SlurmJobs(Resumed, SlurmLauncher):
    """Jobs of SLURM; see ``conf/hydra/launcher/slurm.yaml``."""

    def hand_in(self, *arguments: Sequence[Any]) -> list[Any]:
        """An array, unless an earlier one of this sweep still runs, which it goes on doing without who handed it in."""
        from gequnet.errors import ConfigError

        folder = Path(self.params["submitit_folder"])
        if there := sorted(queued() & {path.name.partition("_")[0] for path in folder.glob("*_submitted.pkl")}):
            raise ConfigError(
                f"Jobs of this sweep are still in the queue ({', '.join(there)}): wait for them and then type the "
                f"same again, or end them first, with scancel {' '.join(there)}."
            )
        return super().hand_in(*arguments)


class LocalJobs(Resumed, LocalLauncher):
    """Processes of this machine, all of them at once; see ``conf/hydra/launcher/local_jobs.yaml``."""


def queued() -> set[str]:
    """The numbers of the jobs, or arrays of jobs, that SLURM has of this user; none where there is no SLURM."""
    command = ["squeue", "--me", "--noheader", "--format=%F"]
    found = subprocess.run(command, capture_output=True, text=True, check=False) if shutil.which("squeue") else None
    return set(found.stdout.split()) if found else set()


def result_of(job: Any, place: Any) -> JobReturn:
    """What a job returned; of one that was lost, that it failed, and why in its folder.

    Args:
        job: submitit's, which has ended.
        place: the job's folder.
    """
    from submitit.core.utils import FailedJobError, UncompletedJobError

    from gequnet.errors import SweepError
    from gequnet.sweep.progress import note_failure

    try:
        result: JobReturn = job.results()[0]
        return result
    except (FailedJobError, UncompletedJobError):
        error = SweepError(
            f"The process of this job was lost ({job.state}), the last that it said is in {job.paths.stderr}: the "
            "same command runs it again."
        )
        note_failure(place, error)
        return JobReturn(status=JobStatus.FAILED, _return_value=error)
