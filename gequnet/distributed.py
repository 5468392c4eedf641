"""Communication between the processes of a training, and their number as started by torchrun or SLURM.

Every process computes the same loss from sums over all processes, and ``DistributedDataParallel`` averages the
gradients. The result is the gradient of the whole batch in one process: the backward pass of a sum over W processes
gives W times the contribution of each, and the average divides by W.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed

from gequnet.errors import ConfigError

INTERACTIVE = ("bash", "interactive")  # names of SLURM jobs that Lightning takes for an interactive shell
RANKS = ("RANK", "LOCAL_RANK", "SLURM_PROCID")  # in Lightning's order

T = TypeVar("T")

Share = Callable[[Tensor], Tensor]
"""Function from a sum over this process's part of a batch to the sum over the batch."""


def world_size() -> int:
    """Number of processes."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def local(sums: Tensor) -> Tensor:
    """The sums of this process, unchanged: its part is the batch."""
    return sums


def all_reduce_sum(sums: Tensor) -> Tensor:
    """Sum over all processes, with gradient. Every process must call it, in the same order."""
    if world_size() == 1:
        return sums
    total: Tensor = _Sum.apply(sums)
    return total


def all_gather(own: T) -> list[T]:
    """The values of all processes, by rank: plain values and tensors. Every process must call it."""
    if world_size() == 1:
        return [own]
    gathered: list[T] = [own] * world_size()
    distributed.all_gather_object(gathered, own)
    return gathered


def is_first() -> bool:
    """True in the first process of a run, and in a run of one process.

    Before the process group exists, the rank is read from the environment, where torchrun, SLURM and Lightning set it.
    """
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank() == 0
    return next((int(os.environ[name]) for name in RANKS if name in os.environ), 0) == 0


def launched_world_size(environment: Mapping[str, str]) -> int | None:
    """Number of processes that torchrun or SLURM has started; None if the run starts its own.

    Args:
        environment: environment variables of this process.

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
    """Name of the job of torchrun or SLURM, the same in all its processes; None if there is one process only.

    A job that SLURM requeues keeps its name.

    Args:
        environment: environment variables of this process.

    Raises:
        ConfigError: torchrun has no ``--rdzv-id``, so the processes have no common name.

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
            "torchrun has started several processes without a common name for their folder: type torchrun "
            "--rdzv-id=NAME, another one for each run, or resume=auto after run.py."
        )
    return f"torchrun-{environment['TORCHELASTIC_RUN_ID']}"


class _Sum(torch.autograd.Function):
    """Sum over processes; its gradient is the sum of their gradients."""

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
