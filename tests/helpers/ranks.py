"""Groups of processes, forked from that of the tests so that nothing is imported again."""

import multiprocessing
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.utilities import rank_zero_only
from torch import distributed

Processes = list[multiprocessing.Process]


def free_port() -> str:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return str(found.getsockname()[1])


def torchrun(rank: int, world: int, port: str, name: str = "test") -> dict[str, str]:
    """Environment of a process started by torchrun."""
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world, "LOCAL_WORLD_SIZE": world, "GROUP_RANK": 0}
    return {key: str(value) for key, value in place.items()} | {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
        "TORCHELASTIC_RUN_ID": name,
    }


def srun(rank: int, world: int, port: str, name: str = "71") -> dict[str, str]:
    """Environment of one of several SLURM tasks on one node."""
    place = {"PROCID": rank, "LOCALID": rank, "NTASKS": world, "NTASKS_PER_NODE": world, "NNODES": 1, "NODEID": 0}
    return {f"SLURM_{key}": str(value) for key, value in place.items()} | {
        "SLURM_JOB_ID": name,
        "SLURM_JOB_NAME": "training",
        "SLURM_STEP_ID": "0",
        "SLURM_NODELIST": "localhost",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
    }


def started(
    function: Callable[[int], Any], world: int = 2, tells: Callable[..., Mapping[str, str]] = torchrun
) -> Processes:
    """Start ``function(rank)`` in each of ``world`` processes; a single process has no launcher's environment."""
    port = free_port()

    def child(rank: int) -> None:
        if world > 1:
            os.environ.update(tells(rank, world, port))
            rank_zero_only.rank = rank  # type: ignore[attr-defined]  # as it is known when it is imported
        function(rank)

    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=child, args=(rank,)) for rank in range(world)]
    for process in processes:
        process.start()
    return processes  # type: ignore[return-value]


def ended(processes: Processes, seconds: float = 100) -> list[int | None]:
    """Wait for all processes, and return their exit codes."""
    for process in processes:
        process.join(seconds)
    codes = [process.exitcode for process in processes]
    for process in processes:
        process.kill()
    return codes


def grouped(function: Callable[[int], Any], folder: Path, world: int = 2) -> None:
    """Run ``function(rank)`` in each process of a gloo group, and check that none fails."""

    def child(rank: int) -> None:
        meeting = f"file://{folder}/meeting"
        distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=world)
        function(rank)
        distributed.destroy_process_group()

    assert ended(started(child, world)) == [0] * world
