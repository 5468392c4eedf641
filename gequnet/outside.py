"""Processes of one run that something else has started: torchrun, or SLURM's srun."""

from collections.abc import Mapping

from gequnet.errors import ConfigError

INTERACTIVE = ("bash", "interactive")  # by these names of a job Lightning knows a shell on a node of SLURM


def world(environment: Mapping[str, str]) -> int | None:
    """How many processes have been started; None where it is nobody's business but the run's.

    Args:
        environment: the variables of this process.

    >>> world({"TORCHELASTIC_RUN_ID": "none", "WORLD_SIZE": "2"}), world({"SLURM_NTASKS": "8"}), world({})
    (2, 8, None)
    """
    if "TORCHELASTIC_RUN_ID" in environment:
        return int(environment["WORLD_SIZE"])
    if "SLURM_NTASKS" in environment and environment.get("SLURM_JOB_NAME") not in INTERACTIVE:
        return int(environment["SLURM_NTASKS"])
    return None


def job_of(environment: Mapping[str, str]) -> str | None:
    """What several processes that were started from outside call their run, all of them alike; None if there are none.

    A job that SLURM puts back into its queue keeps its name.

    Args:
        environment: the variables of this process.

    Raises:
        ConfigError: torchrun was not told a name, so the processes have none in common.

    >>> job_of({"SLURM_JOB_ID": "71", "SLURM_NTASKS": "8", "SLURM_STEP_ID": "0"})
    'slurm-71.0'
    >>> job_of({"TORCHELASTIC_RUN_ID": "monday", "WORLD_SIZE": "2"})
    'torchrun-monday'
    >>> job_of({"SLURM_JOB_ID": "71", "SLURM_NTASKS": "1"}), job_of({})
    (None, None)
    """
    if world(environment) in (None, 1):
        return None
    if "TORCHELASTIC_RUN_ID" not in environment:
        return f"slurm-{environment['SLURM_JOB_ID']}.{environment.get('SLURM_STEP_ID', '0')}"
    if environment["TORCHELASTIC_RUN_ID"] == "none":
        raise ConfigError(
            "torchrun has started several processes without a name by which they could meet in one folder: type "
            "torchrun --rdzv-id=NAME, another one for each run, or resume=auto behind run.py."
        )
    return f"torchrun-{environment['TORCHELASTIC_RUN_ID']}"
