"""Plan, finished jobs and progress of a sweep, as its folder has them.

The folder holds ``sweep.json``, written before the first job, and a folder for each job. A job's folder has
``metrics.json`` if the job is finished, and ``error.txt`` if it failed.
"""

import json
import time
from collections.abc import Sequence
from pathlib import Path

from gequnet.formatting import duration
from gequnet.runs.layout import SweepFolder
from gequnet.sweep.jobs import Job


def finished(folder: Path) -> dict[str, Job]:
    """The finished jobs in a sweep's folder by their fingerprints."""
    jobs = {}
    for run in SweepFolder(folder).finished_jobs():
        fingerprint = run.read_metrics().get("fingerprint", "")
        jobs[fingerprint] = Job((), run.path.name, fingerprint)
    return jobs


def planned(folder: Path) -> list[Job]:
    """The jobs in the plan of a sweep's folder; empty if there is no sweep yet."""
    sweep = SweepFolder(folder)
    plan = sweep.read_plan() if sweep.is_sweep else {"jobs": []}
    return [Job(tuple(job["overrides"]), job["folder"], "") for job in plan["jobs"]]


def write_sweep(
    folder: Path, jobs: Sequence[Job], waiting: int, names: Sequence[str], total: int | None = None
) -> None:
    """Write the plan of a sweep, from which jobs compute its progress and the report its arms.

    Args:
        folder: of the sweep.
        jobs: all of them, finished or not.
        waiting: number of jobs that this start of the sweep runs.
        names: settings in which the jobs differ.
        total: number of jobs in the end, if these are not all.
    """
    plan = {
        "varied": list(names),
        "started": time.time(),
        "waiting": waiting,
        "total": total or len(jobs),
        "jobs": [{"folder": job.folder, "overrides": list(job.overrides)} for job in jobs],
    }
    folder.mkdir(parents=True, exist_ok=True)
    SweepFolder(folder).plan.write_text(json.dumps(plan, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def progress_line(folder: Path, now: float) -> str:
    """Progress of a sweep: ``5 of 24 jobs done, 1 failed, about 32 min left``.

    The time left assumes that the remaining jobs take as long as those of this start of the sweep, with as many at a
    time.

    Args:
        folder: of the sweep.
        now: seconds, on the clock of ``time.time``.
    """
    sweep = SweepFolder(folder)
    plan = sweep.read_plan()
    jobs = [sweep.job(job["folder"]) for job in plan["jobs"]]
    done = sum(job.is_finished for job in jobs)
    failed = sum(job.has_failed for job in jobs)
    left = plan["total"] - done - failed
    line = f"{done} of {plan['total']} jobs done" + (f", {failed} failed" if failed else "")
    if left and left < plan["waiting"]:
        seconds = (now - plan["started"]) / (plan["waiting"] - left) * left
        line += f", about {duration(seconds)} left"
    return line
