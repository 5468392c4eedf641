"""Launcher of `hydra/launcher=processes`: one job after the other, each in a process of its own.

It is Hydra's basic launcher, with another function for each job: see gequnet/sweep/subprocess_job.py.
"""

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class ProcessLauncher(BasicLauncher):
    """Start the command of each job."""

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction | None = None, config: DictConfig
    ) -> None:
        """Set the function that starts a process in place of the one that trains in this process."""
        from gequnet.sweep.subprocess_job import run_job  # Lightning takes seconds that --help can do without

        super().setup(hydra_context=hydra_context, task_function=run_job, config=config)
