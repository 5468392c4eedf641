"""A sweep's folder: what the sweep consists of, what of it is there already, and how far it is.

It holds ``sweep.json``, written before the first job, and a folder for each job, named after what the job is. What a
job has left there says how it ended: ``metrics.json`` (finished) or ``error.txt`` (failed).
"""

import json
import time
from collections.abc import Sequence
from pathlib import Path

from gequnet.formatting import duration
from gequnet.runs.layout import FAILED, FINISHED, SWEEP
from gequnet.sweep.jobs import Job


def finished(folder: Path) -> dict[str, Job]:
    """The finished jobs in a sweep's folder by their fingerprints."""
    found = {}
    for path in sorted(folder.glob(f"*/{FINISHED}")):
        fingerprint = json.loads(path.read_text(encoding="utf-8")).get("fingerprint", "")
        found[fingerprint] = Job((), path.parent.name, fingerprint)
    return found


def planned(folder: Path) -> list[Job]:
    """The jobs that a sweep's folder says it consists of; none where there is no sweep yet."""
    if not (folder / SWEEP).exists():
        return []
    plan = json.loads((folder / SWEEP).read_text(encoding="utf-8"))
    return [Job(tuple(job["overrides"]), job["folder"], "") for job in plan["jobs"]]


def write_sweep(
    folder: Path, jobs: Sequence[Job], waiting: int, names: Sequence[str], total: int | None = None
) -> None:
    """Writes down what the sweep consists of, for the jobs that will say how far it is and for the report.

    Args:
        folder: of the sweep.
        jobs: all of it, finished or not.
        waiting: how many of the jobs are to be run now.
        names: what the jobs differ in.
        total: how many jobs there will be, if these are not all.
    """
    plan = {
        "varied": list(names),
        "started": time.time(),
        "waiting": waiting,
        "total": total or len(jobs),
        "jobs": [{"folder": job.folder, "overrides": list(job.overrides)} for job in jobs],
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SWEEP).write_text(json.dumps(plan, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def progress_line(folder: Path, now: float) -> str:
    """``5 of 24 jobs done, 1 failed, about 32 min left``.

    The time left assumes that the jobs to come are like those of this start of the sweep, side by side as those were.

    Args:
        folder: of the sweep.
        now: seconds, on the clock of ``time.time``.
    """
    plan = json.loads((folder / SWEEP).read_text(encoding="utf-8"))
    places = [folder / job["folder"] for job in plan["jobs"]]
    done = sum((place / FINISHED).exists() for place in places)
    failed = sum((place / FAILED).exists() for place in places)
    left = plan["total"] - done - failed
    line = f"{done} of {plan['total']} jobs done" + (f", {failed} failed" if failed else "")
    if left and left < plan["waiting"]:
        seconds = (now - plan["started"]) / (plan["waiting"] - left) * left
        line += f", about {duration(seconds)} left"
    return line
