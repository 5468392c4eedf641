"""Sweeper of `python run.py -m sweep=optuna …`: a search for good values instead of a grid."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser

from hydra_plugins import gequnet_sweeper  # a class named here would be registered a second time


class SearchSweeper(gequnet_sweeper.ComparisonSweeper):
    """Run one batch of trials after the other, each chosen by the results of those before.

    Args:
        n_trials: of the whole search, with failed ones and with those of earlier starts.
        seed: of the sampler.
        sampler: ``sampler(seed=0)`` is one of Optuna's.
        max_batch_size: trials chosen, and handed to the launcher, at a time; None for all.
        params: the values that are sought, by name; the command line overrules them.
        arms: of an experiment; there must be none.
        only: the names of the arms that are to be run.
    """

    def __init__(
        self,
        n_trials: int,
        seed: int,
        sampler: Callable[..., Any],
        max_batch_size: int | None,
        params: Mapping[str, str] | None = None,
        arms: Mapping[str, Sequence[str]] | None = None,
        only: Sequence[str] | None = None,
    ) -> None:
        super().__init__(max_batch_size, params, arms, only)
        self.n_trials, self.seed, self.sampler = n_trials, seed, sampler

    def sweep(self, arguments: list[str]) -> Any:
        """Choose and run trials, and tell the search their results, until there are enough."""
        from gequnet.errors import ConfigError
        from gequnet.sweep.optuna_search import Search
        from gequnet.sweep.plan import plan_trials

        assert self.config is not None
        assert self.hydra_context is not None
        if self.arms:
            raise ConfigError(
                "A search seeks values for one network, and this experiment compares several: search without it, or "
                "leave sweep= out."
            )
        HydraConfig.instance().set_config(self.config)  # which hydra.sweep.dir refers to
        loader = self.hydra_context.config_loader
        overrides = OverridesParser.create(config_loader=loader).parse_overrides([*self._parse_config(), *arguments])
        folder = Path(self.config.hydra.sweep.dir).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        search = Search(folder, overrides, self.sampler, self.seed)
        while trials := search.next(self.n_trials, self.max_batch_size):
            named = {trial.number: search.words(trial) for trial in trials}
            batch = plan_trials(folder, named, self.n_trials, lambda job: loader.load_sweep_config(self.config, job))
            self.launch(batch, trials[0].number)
            for trial, job in zip(trials, batch.jobs, strict=True):
                search.tell(trial, folder / job.folder)
        search.finish()
        return []
