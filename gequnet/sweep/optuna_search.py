"""Hyperparameter search with Optuna: values of each trial, their scores, the best trial.

Optuna chooses values by the scores so far. A journal in the search's folder holds both, so an interrupted search can
be continued. A trial is an ordinary run, in a folder inside the search's.
"""

import csv
import logging
import math
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import optuna
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from gequnet.errors import ConfigError, SweepError, train_command
from gequnet.runs.layout import RunFolder, SweepFolder

log = logging.getLogger("gequnet.sweep")


def distribution(override: Override) -> BaseDistribution:
    """Distribution from which a value is drawn.

    ``interval(a,b)`` is uniform between a and b, ``tag(log,interval(a,b))`` uniform on a logarithmic scale,
    ``int(interval(a,b))`` an integer, ``range(a,b,step)`` one of its numbers, ``choice(a,b)`` or ``a,b`` one of the
    values.

    >>> from hydra.core.override_parser.overrides_parser import OverridesParser
    >>> distribution(OverridesParser.create().parse_override("optim.lr=tag(log,interval(1e-3,1))"))
    FloatDistribution(high=1.0, log=True, low=0.001, step=None)
    """
    sweep = override.value()
    if isinstance(sweep, IntervalSweep):
        return _numbers(sweep.start, sweep.end, log="log" in sweep.tags)
    if isinstance(sweep, RangeSweep):
        values = list(sweep.range())
        return _numbers(values[0], values[-1], step=sweep.step)
    return CategoricalDistribution(list(override.sweep_string_iterator()))


def _numbers(low: Any, high: Any, **scale: Any) -> BaseDistribution:
    return IntDistribution(low, high, **scale) if isinstance(low, int) else FloatDistribution(low, high, **scale)


class Search:
    """Trials of a search, stored in its folder.

    Args:
        folder: of the search; it exists.
        overrides: of the command line. Those with a single value are the same in every trial, the others are searched.
        make_sampler: ``make_sampler(seed=3)`` makes a sampler of Optuna. Each trial has its own, so that an interrupted
            search continues with the trials that it would have made.
        seed: of the first trial's sampler.

    Raises:
        ConfigError: no value is searched, or the journal is of a search over other values.
    """

    def __init__(
        self, folder: Path, overrides: Sequence[Override], make_sampler: Callable[..., BaseSampler], seed: int
    ) -> None:
        self.folder, self.make_sampler, self.seed = SweepFolder(folder), make_sampler, seed
        last = {override.get_key_element(): override for override in overrides}
        self.fixed = [str(each.input_line) for each in last.values() if not each.is_sweep_override()]
        self.searched = {name: distribution(each) for name, each in last.items() if each.is_sweep_override()}
        if not self.searched:
            raise ConfigError(
                "There is nothing to search for: give a value as an interval, optim.lr='tag(log,interval(1e-4,1e-1))', "
                "or as a choice, loss=dice,bce."
            )
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        storage = JournalStorage(JournalFileBackend(str(self.folder.journal)))
        self.study = optuna.create_study(
            storage=storage, study_name="search", direction="maximize", load_if_exists=True
        )
        if any(trial.distributions != self.searched for trial in self.study.trials):
            raise ConfigError(
                f"{folder} has trials of the same command over other values: a file of conf/ has changed. Delete the "
                "folder to start again, or type the values."
            )

    def next(self, n_trials: int, at_once: int | None) -> list[FrozenTrial]:
        """Trials to run now: those that an earlier start has not finished, then new ones; none if there are enough.

        Args:
            n_trials: of the whole search.
            at_once: at most so many, None for all.
        """
        trials = self.study.get_trials(deepcopy=False)
        open_ = [trial for trial in trials if trial.state == TrialState.RUNNING]
        for number in range(len(trials), n_trials):
            if at_once is not None and len(open_) >= at_once:
                break
            self.study.sampler = self.make_sampler(seed=self.seed + number)
            self.study.ask(self.searched)
            open_.append(self.study.get_trials(deepcopy=False)[number])
        return open_[:at_once]

    def words(self, trial: FrozenTrial) -> list[str]:
        """Overrides of a trial."""
        return [*self.fixed, *(f"{name}={value}" for name, value in trial.params.items())]

    def tell(self, trial: FrozenTrial, place: Path) -> None:
        """Store the best validation Dice of a trial; without one, or if it is nan, the trial has failed.

        Args:
            trial: that has run.
            place: the folder of its run.
        """
        run = RunFolder(place)
        score = run.read_best_dice() if run.is_finished else math.nan
        if math.isnan(score):
            self.study.tell(trial.number, state=TrialState.FAIL)
        else:
            self.study.tell(trial.number, score)
        self.write_table()

    def write_table(self) -> None:
        """Write ``trials.csv``: values, state and score of each trial that has ended."""
        ended = [trial for trial in self.study.get_trials(deepcopy=False) if trial.state.is_finished()]
        with self.folder.trials.open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            table.writerow(["trial", "state", "val/dice", *self.searched, "folder"])
            for trial in ended:
                state = "finished" if trial.state == TrialState.COMPLETE else "failed"
                values = [trial.params[name] for name in self.searched]
                table.writerow([trial.number, state, trial.value, *values, self.folder_of(trial)])

    def folder_of(self, trial: FrozenTrial) -> str:
        """Name of a trial's folder; empty if an earlier trial had the same values."""
        return next((path.name for path in self.folder.path.glob(f"{trial.number:03}_*")), "")

    def finish(self) -> None:
        """Print the best trial and its command, and write its overrides into ``best.txt``.

        Raises:
            SweepError: all trials failed.
        """
        trials = self.study.get_trials(deepcopy=False)
        failed = sum(trial.state == TrialState.FAIL for trial in trials)
        if failed == len(trials):
            raise SweepError(
                f"All {failed} trials failed, see error.txt in each one's folder in {self.folder.path}. Correct the "
                "cause, delete that folder, and run the same command again."
            )
        if failed:
            log.warning("%d of %d trials failed, see error.txt in each one's folder", failed, len(trials))
        best, words = self.study.best_trial, shlex.join(self.words(self.study.best_trial))
        self.folder.best.write_text(words + "\n", encoding="utf-8")
        print(f"trials   {self.folder.trials}")
        print(f"best     val/dice {best.value:.4f}, trial {best.number}, in {self.folder_of(best)}")
        print(f"type     {train_command()} {words}", flush=True)
