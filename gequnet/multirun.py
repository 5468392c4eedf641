"""A sweep from its grid to its report: which jobs, which of them are there already, and what they say together."""

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from gequnet import sweep
from gequnet.composition import task_config
from gequnet.errors import GequnetError, SweepError
from gequnet.fingerprint import fingerprint
from gequnet.sweep import Job

log = logging.getLogger("gequnet.sweep")

Compose = Callable[[list[str]], DictConfig]


@dataclass(frozen=True)
class Plan:
    """What a sweep consists of.

    Args:
        folder: of the sweep.
        jobs: all of them.
        waiting: what would be typed for those that are still to be run, with the folder where each writes.
        varied: what the jobs differ in.
    """

    folder: Path
    jobs: list[Job]
    waiting: list[list[str]]
    varied: list[str]


def plan(folder: Path, grid: Sequence[Sequence[str]], arms: Mapping[str, Sequence[str]], compose: Compose) -> Plan:
    """Every arm at every point of the grid, the plain network once, without what is finished.

    Args:
        folder: of the sweep; what is finished in it is not run again.
        grid: the overrides of each point.
        arms: name of an arm to its overrides; may be empty.
        compose: the configuration of some overrides, with Hydra's own node.

    Raises:
        ConfigError: an arm and the grid set the same thing.
    """
    combinations = sweep.with_arms(grid, arms)
    with _hydra_as_it_was():
        jobs = distinct([job_of(overrides, compose) for overrides in combinations])
    there = sweep.finished(folder)
    jobs = [there.get(job.fingerprint, job) for job in jobs]
    missing = [job for job in jobs if job.fingerprint not in there]
    for line in announcement(folder, len(combinations), len(jobs), len(missing)):
        log.info(line)
    names = sweep.varied(combinations)
    sweep.write_sweep(folder, jobs, len(missing), names)
    for job in missing:
        (folder / job.folder / sweep.FAILED).unlink(missing_ok=True)
    return Plan(folder, jobs, [sweep.placed(job, folder) for job in missing], names)


def job_of(overrides: Sequence[str], compose: Compose) -> Job:
    """The job of these overrides, without a group where its network has none.

    One that cannot even be composed in full stays in the plan, to fail by itself and in words.
    """
    cfg = compose(list(overrides))
    if "group" not in cfg.model:
        overrides = sweep.without_group(overrides)
        cfg = compose(list(overrides))
    HydraConfig.instance().set_config(cfg)
    cfg = task_config(cfg)
    try:
        digest = fingerprint(cfg)
    except GequnetError:
        digest = hashlib.sha256("\n".join(overrides).encode()).hexdigest()
    chosen = {str(name): value for name, value in cfg.chosen.items()}
    return Job(tuple(overrides), sweep.folder_name(chosen, cfg.seed, digest), digest)


def distinct(jobs: Sequence[Job]) -> list[Job]:
    """The first of each that compute the same."""
    return list({job.fingerprint: job for job in reversed(jobs)}.values())[::-1]


def announcement(folder: Path, combinations: int, jobs: int, missing: int) -> Iterator[str]:
    """What there is to say before a sweep starts."""
    yield f"{missing} jobs to run, in {folder}"
    if jobs < combinations:
        yield (
            f"{combinations} combinations are {jobs} jobs: the plain network has no group, and by any rule the width "
            "of its baseline, so it runs once for each baseline and each remaining axis."
        )
    if missing < jobs:
        there = f"{jobs - missing} of {jobs} jobs"
        yield f"{there} are finished and are not run again; delete the folder of one that should be."


def finish(made: Plan, title: str) -> None:
    """Writes the report of what is finished, one for each dataset.

    Args:
        made: the plan, whose jobs have had their chance.
        title: of the report, to which the name of the data is added.

    Raises:
        SweepError: some jobs failed, or were not what was planned.
        ConfigError: the jobs cannot be compared.
    """
    from gequnet.report.many import write_report  # pandas and matplotlib, when the jobs are done

    done = sweep.finished(made.folder)
    folders = [made.folder / done[job.fingerprint].folder for job in made.jobs if job.fingerprint in done]
    datasets = by_data(folders)
    for data, runs in datasets.items():
        out = made.folder if len(datasets) == 1 else made.folder / data
        page = write_report(runs, out, made.varied, f"{title}, {data}")
        print(f"report   {page}", flush=True)
    if missing := [made.folder / job.folder for job in made.jobs if job.fingerprint not in done]:
        raise SweepError(complaint(made, missing))


def complaint(made: Plan, missing: Sequence[Path]) -> str:
    """Why jobs left no result that is the plan's, and what to do."""
    if changed := sum((folder / sweep.FINISHED).exists() for folder in missing):
        return (
            f"{changed} of {len(made.jobs)} jobs computed something else than was planned, because a file of conf/ "
            "changed while the sweep ran: the same command runs them as the files are now."
        )
    return (
        f"{len(missing)} of {len(made.jobs)} jobs failed, each says why in its {sweep.FAILED} in {made.folder}; the "
        "same command runs them again."
    )


def by_data(folders: Sequence[Path]) -> dict[str, list[Path]]:
    """The runs of each dataset."""
    found: dict[str, list[Path]] = {}
    for folder in folders:
        cfg = OmegaConf.load(folder / "config.yaml")
        found.setdefault(cfg.data.name, []).append(folder)
    return found


@contextmanager
def _hydra_as_it_was() -> Iterator[None]:
    before = HydraConfig.instance().cfg
    try:
        yield
    finally:
        HydraConfig.instance().cfg = before
