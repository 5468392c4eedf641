"""Processes of one training: sums over all of them, what each has, and who started them.

Where every process computes the same loss from sums over all of them, and gradients are averaged over processes as
``DistributedDataParallel`` does, each gradient is that of the whole batch in one process: W processes hand back W times
what each contributes to the sums, and the average takes the W away.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed

from gequnet.errors import ConfigError

INTERACTIVE = ("bash", "interactive")  # by these names of a job Lightning knows a shell on a node of SLURM
RANKS = ("RANK", "LOCAL_RANK", "SLURM_PROCID")  # in the order in which Lightning looks

T = TypeVar("T")

Share = Callable[[Tensor], Tensor]
"""Makes of a sum over this process's part of a batch the sum over the batch."""


def world_size() -> int:
    """How many there are."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def local(sums: Tensor) -> Tensor:
    """The sums of this process, as they are: its part is the batch."""
    return sums


def all_reduce_sum(sums: Tensor) -> Tensor:
    """The sums over all processes, with gradient; of a single process its own. All have to ask, in the same order."""
    if world_size() == 1:
        return sums
    total: Tensor = _Sum.apply(sums)
    return total


def all_gather(own: T) -> list[T]:
    """What each process has, in order; plain values and tensors. All have to ask."""
    if world_size() == 1:
        return [own]
    found: list[T] = [own] * world_size()
    distributed.all_gather_object(found, own)
    return found


def is_first() -> bool:
    """True in the first process of a run, and in a run of one process.

    Before the processes know each other, the environment tells: torchrun, SLURM and Lightning number them there.
    """
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank() == 0
    return next((int(os.environ[name]) for name in RANKS if name in os.environ), 0) == 0


def launched_world_size(environment: Mapping[str, str]) -> int | None:
    """How many processes have been started; None where it is nobody's business but the run's.

    Args:
        environment: the variables of this process.

    >>> launched_world_size({"TORCHELASTIC_RUN_ID": "none", "WORLD_SIZE": "2"})
    2
    >>> launched_world_size({"SLURM_NTASKS": "8"}), launched_world_size({})
    (8, None)
    """
    if "TORCHELASTIC_RUN_ID" in environment:
        return int(environment["WORLD_SIZE"])
    if "SLURM_NTASKS" in environment and environment.get("SLURM_JOB_NAME") not in INTERACTIVE:
        return int(environment["SLURM_NTASKS"])
    return None


def launcher_job_name(environment: Mapping[str, str]) -> str | None:
    """What several processes that were started from outside call their run, all of them alike; None if there are none.

    A job that SLURM puts back into its queue keeps its name.

    Args:
        environment: the variables of this process.

    Raises:
        ConfigError: torchrun was not told a name, so the processes have none in common.

    >>> launcher_job_name({"SLURM_JOB_ID": "71", "SLURM_NTASKS": "8", "SLURM_STEP_ID": "0"})
    'slurm-71.0'
    >>> launcher_job_name({"TORCHELASTIC_RUN_ID": "monday", "WORLD_SIZE": "2"})
    'torchrun-monday'
    >>> launcher_job_name({"SLURM_JOB_ID": "71", "SLURM_NTASKS": "1"}), launcher_job_name({})
    (None, None)
    """
    if launched_world_size(environment) in (None, 1):
        return None
    if "TORCHELASTIC_RUN_ID" not in environment:
        return f"slurm-{environment['SLURM_JOB_ID']}.{environment.get('SLURM_STEP_ID', '0')}"
    if environment["TORCHELASTIC_RUN_ID"] == "none":
        raise ConfigError(
            "torchrun has started several processes without a name by which they could meet in one folder: type "
            "torchrun --rdzv-id=NAME, another one for each run, or resume=auto behind run.py."
        )
    return f"torchrun-{environment['TORCHELASTIC_RUN_ID']}"


class _Sum(torch.autograd.Function):
    """A sum over processes, whose gradient is the sum of theirs."""

    @staticmethod
    def forward(ctx: Any, sums: Tensor) -> Tensor:
        total = sums.detach().clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total)
        return total
