"""Jobs of a sweep from its arms and overrides, and the names of their folders."""

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from gequnet.config.migrations import first_words
from gequnet.distributed import launcher_job_name
from gequnet.errors import ConfigError
from gequnet.runs.layout import AUTO, RunFolder

ARM = "chosen.arm"


@dataclass(frozen=True)
class Job:
    """One run of a sweep.

    Args:
        overrides: command line of the job as a single run.
        folder: name of its folder inside the sweep's.
        fingerprint: of its resolved configuration, see [`gequnet.runs.fingerprint.fingerprint`][].
        alone: True if it needs a process of its own, see [`gequnet.sweep.subprocess_job`][].
    """

    overrides: tuple[str, ...]
    folder: str
    fingerprint: str
    alone: bool = False


def select_arms(arms: Mapping[str, Sequence[str]], only: Sequence[str] | None) -> dict[str, Sequence[str]]:
    """The arms to run.

    Args:
        arms: the name of each arm, and its overrides.
        only: some of the names; None for all.

    Raises:
        ConfigError: there is no arm of that name.

    >>> select_arms({"C4": ["group=c4"], "C8": ["group=c8"]}, ["C8"])
    {'C8': ['group=c8']}
    """
    if unknown := [name for name in only or () if name not in arms]:
        raise ConfigError(
            f"hydra.sweeper.only names {unknown[0]!r}, and the arms of this experiment are {', '.join(arms) or 'none'}."
        )
    return {name: overrides for name, overrides in arms.items() if only is None or name in only}


def with_arms(jobs: Sequence[Sequence[str]], arms: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Every arm for every job: overrides of the job, then of the arm, then the name of the arm; job by job.

    Args:
        jobs: overrides of each job, the product of the axes.
        arms: the name of each arm, and its overrides; none leaves the jobs as they are.

    Raises:
        ConfigError: a job overrides a setting in which the arms differ.

    >>> with_arms([["seed=0"]], {"C8": ["model=e2unet", "group=c8"]})
    [['seed=0', 'model=e2unet', 'group=c8', "chosen.arm='C8'"]]
    """
    if not arms:
        return [list(job) for job in jobs]
    compared = {override_key(override) for overrides in arms.values() for override in overrides}
    if taken := sorted({override_key(override) for job in jobs for override in job} & compared):
        raise ConfigError(
            f"{taken[0]} is what the arms of this experiment compare, so it cannot be set as well: leave it out, or "
            "name the arms that you want with 'hydra.sweeper.only=[...]'."
        )
    return [[*job, *overrides, f"{ARM}='{arm}'"] for job in jobs for arm, overrides in arms.items()]


def override_key(override: str) -> str:
    """Key of an override, without the signs that add or remove.

    >>> override_key("+data.view=null"), override_key("~logger")
    ('data.view', 'logger')
    """
    return override.partition("=")[0].lstrip("+~")


def varied(jobs: Sequence[Sequence[str]]) -> list[str]:
    """Keys of the settings in which the jobs differ, in the order of their first appearance.

    >>> varied([["seed=0", "loss=dice"], ["seed=1", "loss=dice"], ["seed=1", "loss=dice", "augment=rotation"]])
    ['seed', 'augment']
    """
    names = dict.fromkeys(override_key(override) for job in jobs for override in job)
    settings = {name: {tuple(o for o in job if override_key(o) == name) for job in jobs} for name in names}
    return [name for name, values in settings.items() if len(values) > 1 and name != ARM]


def without_group(overrides: Sequence[str]) -> list[str]:
    """The overrides without ``group=``, for a model with ``group=none`` of its own."""
    return [override for override in overrides if override_key(override) != "group"]


def folder_name(chosen: Mapping[str, Any], seed: int, fingerprint: str) -> str:
    """Readable name of a job's folder, with some digits of the fingerprint to make it unique.

    >>> folder_name({"arm": "U-Net + rotation", "data": "drive", "width": "params"}, 0, "1a2b3c4d")
    'drive_u-net-rotation_params_s0_1a2b3c'
    """
    network = chosen.get("arm") or f"{chosen['model']}-{chosen['group']}"
    plain = re.sub(r"[^a-z0-9]+", "-", str(network).lower()).strip("-")
    return f"{chosen['data']}_{plain}_{chosen['width']}_s{seed}_{fingerprint[:6]}"


def sweep_name(overrides: Sequence[str]) -> str:
    """Name of a folder from overrides: the same overrides give the same name, so that a sweep can be resumed.

    >>> sweep_name(["experiment=drive_groups", "data=chase"])
    'drive_groups-chase-a34ac4'
    """
    digest = _digest(overrides)
    overrides = [override for override in first_words(overrides) if override_key(override) != "resume"]
    values = [override.partition("=")[2] for override in overrides if not override_key(override).startswith("paths.")]
    plain = re.sub(r"[^A-Za-z0-9_]+", "-", "-".join(values)).strip("-")[:60].strip("-")
    return f"{plain}-{digest}" if plain else digest


def _digest(overrides: Sequence[str]) -> str:
    """Digits that are the same for the same overrides in any order, with and without ``resume``."""
    words = [override for override in first_words(overrides) if override_key(override) != "resume"]
    return hashlib.sha256("\n".join(sorted(words)).encode()).hexdigest()[:6]


def run_folder(resume: str | None, overrides: list[str], parent: str, moment: str) -> str:
    """Folder of a run: a new one for each start; with ``resume=auto`` the same one for the same overrides.

    With ``resume=auto`` that is also the newest folder of a run that was started by the same overrides without it, and
    was stopped. If torchrun or SLURM has started several processes of the run, the folder is named after their job.

    Raises:
        ConfigError: the job has no name, or the folder of that name holds a finished run.

    >>> run_folder("auto", ["resume=auto", "data=drive"], "runs/drive", "2026-01-31") == run_folder(
    ...     "auto", ["data=drive", "resume=auto"], "runs/drive", "2026-02-01")
    True
    >>> run_folder(None, ["data=drive"], "runs/drive", "2026-01-31"), run_folder("runs/mine", [], "runs", "2026-01-31")
    ('runs/drive/2026-01-31', 'runs/mine')
    """
    if resume is None:
        return _new_folder(parent, moment)
    if resume != AUTO:
        return resume
    named = f"{parent}/{sweep_name(overrides)}"
    return named if Path(named).exists() else stopped_run(parent, overrides) or named


def stopped_run(parent: str, overrides: Sequence[str]) -> str | None:
    """Newest folder of a run of the same overrides that has a checkpoint and is not finished; None if there is none."""
    digest = _digest(overrides)
    for path in sorted(Path(parent).glob("*/.hydra/overrides.yaml"), reverse=True):
        folder = RunFolder(path.parents[1])
        stopped = folder.last_checkpoint.exists() and not folder.is_finished
        if stopped and _digest([str(each) for each in OmegaConf.load(path)]) == digest:
            return f"{parent}/{path.parents[1].name}"
    return None


def _new_folder(parent: str, moment: str) -> str:
    job = launcher_job_name(os.environ)
    folder = f"{parent}/{job or moment}"
    if job and RunFolder(folder).is_finished:
        raise ConfigError(
            f"{folder} holds a finished run of the same name: give this one another (torchrun --rdzv-id=NAME), or "
            "delete the folder."
        )
    return folder


def with_output_dir(job: Job, folder: Path) -> list[str]:
    """The overrides of a job, with those of its output folder."""
    return [*job.overrides, f"hydra.sweep.dir={quote_path(folder)}", f"hydra.sweep.subdir={job.folder}"]


def quote_path(path: Path) -> str:
    """A path as the value of an override, quoted for any character in it."""
    plain = str(path).replace("'", "\\'")
    return f"'{plain}'"


def output_dir_of(overrides: Sequence[str]) -> Path:
    """Output folder of a job whose overrides are from [`gequnet.sweep.jobs.with_output_dir`][].

    >>> str(output_dir_of(with_output_dir(Job(("seed=0",), "job-0", ""), Path("/it's/here"))))
    "/it's/here/job-0"
    """
    folder, name = (override.partition("=")[2] for override in overrides[-2:])
    return Path(folder[1:-1].replace("\\'", "'")) / name
