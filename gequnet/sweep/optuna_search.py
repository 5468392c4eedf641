"""A search for good values: what each trial is to try, how it ended, and which of them is the best.

Optuna chooses, from what was found so far. What it has chosen and what was found lies in a journal in the search's
folder, from which a search that was interrupted goes on. A trial is a run like any other, in a folder inside.
"""

import csv
import json
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
from gequnet.runs.layout import FINISHED

log = logging.getLogger("gequnet.sweep")

JOURNAL, TABLE, BEST = "trials.journal", "trials.csv", "best.txt"


def distribution(override: Override) -> BaseDistribution:
    """What a value is drawn from.

    ``interval(a,b)`` is every number between, ``tag(log,interval(a,b))`` evenly on a logarithmic scale,
    ``int(interval(a,b))`` whole numbers, ``range(a,b,step)`` those of its numbers, ``choice(a,b)`` or ``a,b`` one of
    these.

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
    """The trials of a search; the same folder, the same search.

    Args:
        folder: of the search, which is there.
        overrides: what was typed; what names one value is the same in every trial, the others are what is sought.
        make_sampler: ``make_sampler(seed=3)`` is what chooses values. Each trial gets a sampler of its own, so that a
            search that was interrupted tries what it would have tried.
        seed: of the first trial's.

    Raises:
        ConfigError: nothing is sought, or the journal is of a search for something else.
    """

    def __init__(
        self, folder: Path, overrides: Sequence[Override], make_sampler: Callable[..., BaseSampler], seed: int
    ) -> None:
        self.folder, self.make_sampler, self.seed = folder, make_sampler, seed
        last = {override.get_key_element(): override for override in overrides}
        self.fixed = [str(each.input_line) for each in last.values() if not each.is_sweep_override()]
        self.sought = {name: distribution(each) for name, each in last.items() if each.is_sweep_override()}
        if not self.sought:
            raise ConfigError(
                "There is nothing to search for: give a value as an interval, optim.lr='tag(log,interval(1e-4,1e-1))', "
                "or as a choice, loss=dice,bce."
            )
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        storage = JournalStorage(JournalFileBackend(str(folder / JOURNAL)))
        self.study = optuna.create_study(
            storage=storage, study_name="search", direction="maximize", load_if_exists=True
        )
        if any(trial.distributions != self.sought for trial in self.study.trials):
            raise ConfigError(
                f"{folder} has trials of the same words, but they meant other values then: a file of conf/ has "
                "changed. Delete the folder to start again, or type the values."
            )

    def next(self, n_trials: int, at_once: int | None) -> list[FrozenTrial]:
        """The trials to be run now: those that an earlier start left open, and new ones; none where there are enough.

        Args:
            n_trials: of the whole search.
            at_once: so many at a time, None for all of them.
        """
        trials = self.study.get_trials(deepcopy=False)
        open_ = [trial for trial in trials if trial.state == TrialState.RUNNING]
        for number in range(len(trials), n_trials):
            if at_once is not None and len(open_) >= at_once:
                break
            self.study.sampler = self.make_sampler(seed=self.seed + number)
            self.study.ask(self.sought)
            open_.append(self.study.get_trials(deepcopy=False)[number])
        return open_[:at_once]

    def words(self, trial: FrozenTrial) -> list[str]:
        """What would be typed for a trial."""
        return [*self.fixed, *(f"{name}={value}" for name, value in trial.params.items())]

    def tell(self, trial: FrozenTrial, place: Path) -> None:
        """Notes how a trial ended: with its best validation Dice, or as failed, which a Dice that is no number is, too.

        Args:
            trial: one that was to be run.
            place: the folder of its run.
        """
        result = place / FINISHED
        score = json.loads(result.read_text())["val_best"]["dice"] if result.exists() else math.nan
        if math.isnan(score):
            self.study.tell(trial.number, state=TrialState.FAIL)
        else:
            self.study.tell(trial.number, score)
        self.write_table()

    def write_table(self) -> None:
        """``trials.csv``: the trials that have ended, with what each tried and how it ended."""
        ended = [trial for trial in self.study.get_trials(deepcopy=False) if trial.state.is_finished()]
        with (self.folder / TABLE).open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            table.writerow(["trial", "state", "val/dice", *self.sought, "folder"])
            for trial in ended:
                state = "finished" if trial.state == TrialState.COMPLETE else "failed"
                values = [trial.params[name] for name in self.sought]
                table.writerow([trial.number, state, trial.value, *values, self.folder_of(trial)])

    def folder_of(self, trial: FrozenTrial) -> str:
        """The name of the folder in which a trial ran; none if it was what another had tried."""
        return next((path.name for path in self.folder.glob(f"{trial.number:03}_*")), "")

    def finish(self) -> None:
        """Says which trial is the best, and what to type for it, which is also written down in ``best.txt``.

        Raises:
            SweepError: all trials failed.
        """
        trials = self.study.get_trials(deepcopy=False)
        failed = sum(trial.state == TrialState.FAIL for trial in trials)
        if failed == len(trials):
            raise SweepError(
                f"All {failed} trials failed, each says why in its error.txt in {self.folder}: mend it, delete that "
                "folder and type the same again."
            )
        if failed:
            log.warning("%d of %d trials failed, each says why in its error.txt", failed, len(trials))
        best, words = self.study.best_trial, shlex.join(self.words(self.study.best_trial))
        (self.folder / BEST).write_text(words + "\n", encoding="utf-8")
        print(f"trials   {self.folder / TABLE}")
        print(f"best     val/dice {best.value:.4f}, trial {best.number}, in {self.folder_of(best)}")
        print(f"type     {train_command()} {words}", flush=True)
