"""Plan of a sweep: its jobs, those that are finished, those that remain; and its report in the end."""

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
from gequnet.runs.layout import RunFolder, SweepFolder
from gequnet.runs.run_folder import load_config
from gequnet.sweep.folder import finished, planned, write_sweep
from gequnet.sweep.jobs import Job, folder_name, varied, with_arms, with_output_dir, without_group
from gequnet.train.strategy import starts_processes

log = logging.getLogger("gequnet.sweep")

Compose = Callable[[list[str]], DictConfig]


@dataclass(frozen=True)
class Plan:
    """Jobs of a sweep.

    Args:
        folder: of the sweep.
        jobs: all of them.
        waiting: overrides of each job that is not finished, with its output folder.
        varied: settings in which the jobs differ.
        alone: True if some of the waiting jobs need processes of their own.
    """

    folder: Path
    jobs: list[Job]
    waiting: list[list[str]]
    varied: list[str]
    alone: bool = False


def make_plan(folder: Path, grid: Sequence[Sequence[str]], arms: Mapping[str, Sequence[str]], compose: Compose) -> Plan:
    """Plan of every arm at every point of the grid. The plain network has one job for all groups.

    Args:
        folder: of the sweep; jobs that are finished in it are not run again.
        grid: the overrides of each point.
        arms: name of an arm to its overrides; may be empty.
        compose: makes the configuration of some overrides, with Hydra's own node.

    Raises:
        ConfigError: an arm and the grid override the same setting.
    """
    combinations = with_arms(grid, arms)
    with _restored_hydra_config():
        jobs = unique_jobs([job_of(overrides, compose) for overrides in combinations])
    jobs, missing = split_finished(folder, jobs)
    for line in plan_messages(folder, len(combinations), len(jobs), len(missing)):
        log.info(line)
    names = varied(combinations)
    write_sweep(folder, jobs, len(missing), names)
    return remaining_plan(folder, jobs, missing, names)


def plan_trials(folder: Path, trials: Mapping[int, Sequence[str]], total: int, compose: Compose) -> Plan:
    """Plan of some trials of a search, in folders that begin with their numbers, added to those in the folder.

    Args:
        folder: of the search; a trial whose result it already has is not run again.
        trials: number of each trial to its overrides.
        total: number of trials of the whole search.
        compose: makes the configuration of some overrides, with Hydra's own node.
    """
    with _restored_hydra_config():
        made = {number: job_of(words, compose) for number, words in trials.items()}
    jobs = [replace(job, folder=f"{number:03}_{job.folder}") for number, job in made.items()]
    jobs, missing = split_finished(folder, jobs)
    every = list({job.folder: job for job in [*planned(folder), *jobs]}.values())
    names = varied([job.overrides for job in every])
    folders = [SweepFolder(folder).job(job.folder) for job in every]
    ended = sum(each.is_finished + each.has_failed for each in folders)
    write_sweep(folder, every, total - ended, names, total)
    return remaining_plan(folder, jobs, missing, names)


def remaining_plan(folder: Path, jobs: Sequence[Job], missing: Sequence[Job], names: list[str]) -> Plan:
    """Plan in which only the missing jobs wait."""
    waiting = [with_output_dir(job, folder) for job in missing]
    return Plan(folder, list(jobs), waiting, names, any(job.alone for job in missing))


def split_finished(folder: Path, jobs: Sequence[Job]) -> tuple[list[Job], list[Job]]:
    """All jobs, with the folders of the finished ones; and the missing jobs, whose old errors are deleted."""
    there = finished(folder)
    missing = [job for job in jobs if job.fingerprint not in there]
    for job in missing:
        SweepFolder(folder).job(job.folder).error.unlink(missing_ok=True)
    return [there.get(job.fingerprint, job) for job in jobs], missing


def job_of(overrides: Sequence[str], compose: Compose) -> Job:
    """Job of these overrides, without ``group=`` if its network has no group.

    A job whose configuration cannot be resolved stays in the plan, and fails with its own message.
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


def unique_jobs(jobs: Sequence[Job]) -> list[Job]:
    """The first job of each fingerprint."""
    return list({job.fingerprint: job for job in reversed(jobs)}.values())[::-1]


def plan_messages(folder: Path, combinations: int, jobs: int, missing: int) -> Iterator[str]:
    """Messages before a sweep starts."""
    yield f"{missing} jobs to run, in {folder}"
    if jobs < combinations:
        yield (
            f"{combinations} combinations are {jobs} jobs: the plain network has no group, and every width rule "
            "gives it the baseline's width, so it runs once for each baseline and each remaining axis."
        )
    if missing < jobs:
        there = f"{jobs - missing} of {jobs} jobs"
        yield f"{there} are finished and are not run again; delete a job's folder to run that job again."


@contextmanager
def report_despite_launcher_failure() -> Iterator[None]:
    """Log the error of a launcher that has lost a job, so that the other jobs are still reported."""
    try:
        yield
    except GequnetError:
        raise
    except Exception as error:
        log.error("the launcher failed: %s", first_sentence(str(error)))


def report_sweep(made: Plan, title: str) -> None:
    """Write a report of the finished jobs for each dataset.

    Args:
        made: the plan, after its jobs have run.
        title: of the report; the name of the dataset is added.

    Raises:
        SweepError: some jobs failed, or have another fingerprint than planned.
        ConfigError: the jobs cannot be compared.
    """
    from gequnet.report.comparison_page import write_report  # imports pandas and matplotlib, only needed here

    done = finished(made.folder)
    folders = [made.folder / done[job.fingerprint].folder for job in made.jobs if job.fingerprint in done]
    datasets = group_by_dataset(folders)
    for data, runs in datasets.items():
        out = made.folder if len(datasets) == 1 else made.folder / data
        page = write_report(runs, out, made.varied, f"{title}, {data}")
        print(f"report   {page}", flush=True)
    if missing := [made.folder / job.folder for job in made.jobs if job.fingerprint not in done]:
        raise SweepError(missing_jobs_message(made, missing))


def missing_jobs_message(made: Plan, missing: Sequence[Path]) -> str:
    """Reasons for missing results, and what to do."""
    if changed := sum(RunFolder(folder).is_finished for folder in missing):
        return (
            f"{changed} of {len(made.jobs)} jobs computed something else than planned, as a file of conf/ "
            "changed while the sweep ran: the same command runs them with the present files."
        )
    failed = sum(RunFolder(folder).has_failed for folder in missing)
    reasons = {
        f"{failed} of {len(made.jobs)} jobs failed, see error.txt in each one's folder in {made.folder}": failed,
        f"{len(missing) - failed} of {len(made.jobs)} jobs have no result, as their processes were lost or "
        "still run": len(missing) - failed,
    }
    return f"{' and '.join(text for text, number in reasons.items() if number)}; the same command runs them again."


def group_by_dataset(folders: Sequence[Path]) -> dict[str, list[Path]]:
    """Folders of runs by dataset."""
    groups: dict[str, list[Path]] = {}
    for folder in folders:
        groups.setdefault(load_config(folder).data.name, []).append(folder)
    return groups


@contextmanager
def _restored_hydra_config() -> Iterator[None]:
    before = HydraConfig.instance().cfg
    try:
        yield
    finally:
        HydraConfig.instance().cfg = before
