"""Records of a run for its loggers: configuration and provenance at the beginning, results at the end."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.utilities import rank_zero_only

from gequnet.report.scalars import scalars
from gequnet.runs.callback_outputs import TABLE, files_of
from gequnet.runs.layout import RunFolder
from gequnet.tracking.provenance import provenance
from gequnet.tracking.wandb_artifacts import send_charts, send_model, send_result, use_model, use_split
from gequnet.tracking.wandb_run import DISABLED, WandbRun

log = logging.getLogger("gequnet")


@rank_zero_only
def begin(trainer: pl.Trainer, cfg: DictConfig, data: Any) -> None:
    """Send configuration and provenance to every logger, and to W&B the inputs of the run: split and first weights.

    Args:
        trainer: with the loggers.
        cfg: resolved.
        data: the data module, set up.
    """
    if not trainer.loggers:
        return
    facts: Any = OmegaConf.to_container(cfg)
    facts |= {"provenance": provenance(cfg, data)}
    for logger in trainer.loggers:
        logger.log_hyperparams(facts)
    for session in sessions(trainer):
        with without_failing():
            use_split(session, Path(cfg.paths.run), data)
            if cfg.init_from is not None:
                use_model(session, Path(cfg.init_from))


@rank_zero_only
def end(trainer: pl.Trainer, folder: Path) -> None:
    """Send the numbers of ``metrics.json`` to every logger, and to W&B also the network and the tables.

    Args:
        trainer: that has tested; its callbacks name the tables that they have written.
        folder: of the run, with its ``metrics.json``.
    """
    summary = RunFolder(folder).read_metrics()
    for logger in trainer.loggers:
        logger.log_metrics(scalars(summary), step=summary["steps"])
    tables = files_of(trainer.callbacks, TABLE)  # type: ignore[attr-defined]
    for session in sessions(trainer):
        with without_failing():
            send_charts(session, folder, tables)
            send_model(session, folder)
            send_result(session, folder, tables)


def sessions(trainer: pl.Trainer) -> list[Any]:
    """The W&B runs of a trainer that are not disabled."""
    loggers = [logger for logger in trainer.loggers if isinstance(logger, WandbRun)]
    return [logger.experiment for logger in loggers if logger.mode != DISABLED]


@contextmanager
def without_failing() -> Iterator[None]:
    """Log an error of W&B as a warning, so that the run goes on.

    Its client raises errors of many kinds: its own, of the network, of the validation of responses.
    """
    try:
        yield
    except Exception as error:
        reason = str(error).partition("\n")[0]
        log.warning("W&B did not take the artifacts (%s): they are in the run's folder only", reason)
