"""Sweeper of `python run.py -m …`. Hydra looks for plugins in the namespace package hydra_plugins.

It is Hydra's basic sweeper with arms (lists of overrides that belong together). It runs the plain network once, not
once for every group, leaves out finished jobs, and writes a report at the end. Jobs that start processes get a process
of their own.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import ListConfig, OmegaConf

from hydra_plugins.gequnet_launcher import ProcessLauncher


def _as_typed(overrides: ListConfig) -> list[str]:
    """The overrides with their interpolations unresolved: one may refer to the folder that they name."""
    words: list[str] = OmegaConf.to_container(overrides)  # type: ignore[assignment]
    return words


def _sweep_name(overrides: ListConfig) -> str:
    from gequnet.sweep.jobs import sweep_name

    return sweep_name(_as_typed(overrides))


def _run_folder(resume: str | None, overrides: ListConfig, parent: str, moment: str) -> str:
    from gequnet.sweep.jobs import run_folder

    return run_folder(resume, _as_typed(overrides), parent, moment)


# hydra.sweep.dir is a function of the overrides; with resume=auto hydra.run.dir is one, too.
OmegaConf.register_new_resolver("sweep_name", _sweep_name, replace=True)
OmegaConf.register_new_resolver("run_folder", _run_folder, replace=True)


class ComparisonSweeper(BasicSweeper):
    """Run every arm at every point of a grid.

    Args:
        max_batch_size: jobs handed to the launcher at once, None for all.
        params: axes, name to values; the command line overrules them.
        arms: name of an arm to its overrides.
        only: the names of those that are to be run, None for all.
    """

    def __init__(
        self,
        max_batch_size: int | None,
        params: Mapping[str, str] | None = None,
        arms: Mapping[str, Sequence[str]] | None = None,
        only: Sequence[str] | None = None,
    ) -> None:
        super().__init__(max_batch_size, dict(params or {}))
        self.arms = {str(name): list(overrides) for name, overrides in (arms or {}).items()}
        self.only = None if only is None else [str(name) for name in only]

    def sweep(self, arguments: list[str]) -> Any:
        """Plan the jobs, run those that are missing, and write the report."""
        from gequnet.sweep.jobs import select_arms  # Lightning takes seconds that --help can do without
        from gequnet.sweep.plan import make_plan, report_sweep

        assert self.config is not None
        assert self.hydra_context is not None
        assert self.launcher is not None
        HydraConfig.instance().set_config(self.config)  # which hydra.sweep.dir refers to
        loader = self.hydra_context.config_loader
        typed = [*self._parse_config(), *arguments]
        grid = self.split_arguments(OverridesParser.create(config_loader=loader).parse_overrides(typed), None)[0]
        folder = Path(self.config.hydra.sweep.dir).absolute()
        arms = select_arms(self.arms, self.only)
        plan = make_plan(folder, grid, arms, lambda job: loader.load_sweep_config(self.config, job))
        results = self.launch(plan)
        report_sweep(plan, self.config.hydra.runtime.choices.get("experiment") or "Comparison")
        return results

    def launch(self, plan: Any, first: int = 0) -> list[Any]:
        """Hand the waiting jobs to the launcher; jobs that start processes get ``ProcessLauncher``.

        Args:
            plan: a ``gequnet.sweep.plan.Plan``.
            first: number of the first job.
        """
        from gequnet.sweep.plan import report_despite_launcher_failure

        assert self.launcher is not None
        if plan.alone and type(self.launcher) is BasicLauncher:
            self.launcher = ProcessLauncher()
            self.launcher.setup(hydra_context=self.hydra_context, task_function=None, config=self.config)
        results: list[Any] = []
        for batch in self.split_overrides_to_chunks(plan.waiting, self.max_batch_size) if plan.waiting else ():
            with report_despite_launcher_failure():
                results.append(self.launcher.launch(batch, initial_job_idx=first + sum(map(len, results))))
        return results
