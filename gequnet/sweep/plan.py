"""A sweep from its grid to its report: which jobs, which of them are there already, and what they say together."""

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from gequnet.config.compose import task_config
from gequnet.errors import GequnetError, SweepError, first_sentence
from gequnet.runs.fingerprint import fingerprint
from gequnet.runs.layout import FAILED, FINISHED
from gequnet.runs.run_folder import load_config
from gequnet.sweep.folder import finished, planned, write_sweep
from gequnet.sweep.jobs import Job, folder_name, varied, with_arms, with_output_dir, without_group
from gequnet.train.strategy import starts_processes

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
        alone: whether some of those need processes of their own.
    """

    folder: Path
    jobs: list[Job]
    waiting: list[list[str]]
    varied: list[str]
    alone: bool = False


def make_plan(folder: Path, grid: Sequence[Sequence[str]], arms: Mapping[str, Sequence[str]], compose: Compose) -> Plan:
    """Every arm at every point of the grid, the plain network once, without what is finished.

    Args:
        folder: of the sweep; what is finished in it is not run again.
        grid: the overrides of each point.
        arms: name of an arm to its overrides; may be empty.
        compose: the configuration of some overrides, with Hydra's own node.

    Raises:
        ConfigError: an arm and the grid set the same thing.
    """
    combinations = with_arms(grid, arms)
    with _hydra_as_it_was():
        jobs = distinct([job_of(overrides, compose) for overrides in combinations])
    jobs, missing = found_and_missing(folder, jobs)
    for line in announcement(folder, len(combinations), len(jobs), len(missing)):
        log.info(line)
    names = varied(combinations)
    write_sweep(folder, jobs, len(missing), names)
    return to_do(folder, jobs, missing, names)


def plan_trials(folder: Path, trials: Mapping[int, Sequence[str]], total: int, compose: Compose) -> Plan:
    """Some trials of a search, in folders that begin with their numbers, after those that the folder has already.

    Args:
        folder: of the search; what another trial has computed in it is not run again.
        trials: the number of each, and what would be typed for it.
        total: how many trials the search will have.
        compose: the configuration of some overrides, with Hydra's own node.
    """
    with _hydra_as_it_was():
        made = {number: job_of(words, compose) for number, words in trials.items()}
    jobs = [replace(job, folder=f"{number:03}_{job.folder}") for number, job in made.items()]
    jobs, missing = found_and_missing(folder, jobs)
    every = list({job.folder: job for job in [*planned(folder), *jobs]}.values())
    names = varied([job.overrides for job in every])
    ended = sum((folder / job.folder / name).exists() for job in every for name in (FINISHED, FAILED))
    write_sweep(folder, every, total - ended, names, total)
    return to_do(folder, jobs, missing, names)


def to_do(folder: Path, jobs: Sequence[Job], missing: Sequence[Job], names: list[str]) -> Plan:
    """What there is to do, given the jobs that are to be run and what they differ in."""
    waiting = [with_output_dir(job, folder) for job in missing]
    return Plan(folder, list(jobs), waiting, names, any(job.alone for job in missing))


def found_and_missing(folder: Path, jobs: Sequence[Job]) -> tuple[list[Job], list[Job]]:
    """All jobs, those that are finished where they are; and those that are to be run, their errors forgotten."""
    there = finished(folder)
    missing = [job for job in jobs if job.fingerprint not in there]
    for job in missing:
        (folder / job.folder / FAILED).unlink(missing_ok=True)
    return [there.get(job.fingerprint, job) for job in jobs], missing


def job_of(overrides: Sequence[str], compose: Compose) -> Job:
    """The job of these overrides, without a group where its network has none.

    One that cannot even be composed in full stays in the plan, to fail by itself and in words.
    """
    cfg = compose(list(overrides))
    if "group" not in cfg.model:
        overrides = without_group(overrides)
        cfg = compose(list(overrides))
    HydraConfig.instance().set_config(cfg)
    cfg = task_config(cfg)
    try:
        digest = fingerprint(cfg)
    except GequnetError:
        digest = hashlib.sha256("\n".join(overrides).encode()).hexdigest()
    chosen = {str(name): value for name, value in cfg.chosen.items()}
    name = folder_name(chosen, cfg.seed, digest)
    return Job(tuple(overrides), name, digest, starts_processes(cfg.trainer))


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


@contextmanager
def report_despite_launcher_failure() -> Iterator[None]:
    """Around a launcher: one that loses a job gives up, and what its other jobs have done is reported all the same."""
    try:
        yield
    except GequnetError:
        raise
    except Exception as error:
        log.error("the launcher gave up: %s", first_sentence(str(error)))


def report_sweep(made: Plan, title: str) -> None:
    """Writes the report of what is finished, one for each dataset.

    Args:
        made: the plan, whose jobs have had their chance.
        title: of the report, to which the name of the data is added.

    Raises:
        SweepError: some jobs failed, or were not what was planned.
        ConfigError: the jobs cannot be compared.
    """
    from gequnet.report.comparison_page import write_report  # pandas and matplotlib, when the jobs are done

    done = finished(made.folder)
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
    if changed := sum((folder / FINISHED).exists() for folder in missing):
        return (
            f"{changed} of {len(made.jobs)} jobs computed something else than was planned, because a file of conf/ "
            "changed while the sweep ran: the same command runs them as the files are now."
        )
    failed = sum((folder / FAILED).exists() for folder in missing)
    reasons = {
        f"{failed} of {len(made.jobs)} jobs failed, each says why in its {FAILED} in {made.folder}": failed,
        f"{len(missing) - failed} of {len(made.jobs)} jobs ended without a word, as their processes were lost, or "
        "still run": len(missing) - failed,
    }
    return f"{' and '.join(text for text, number in reasons.items() if number)}; the same command runs them again."


def by_data(folders: Sequence[Path]) -> dict[str, list[Path]]:
    """The runs of each dataset."""
    found: dict[str, list[Path]] = {}
    for folder in folders:
        found.setdefault(load_config(folder).data.name, []).append(folder)
    return found


@contextmanager
def _hydra_as_it_was() -> Iterator[None]:
    before = HydraConfig.instance().cfg
    try:
        yield
    finally:
        HydraConfig.instance().cfg = before
