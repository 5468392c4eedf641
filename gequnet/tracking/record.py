"""What a run tells its loggers beside the scalars of its steps: where it comes from, and what became of it."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.utilities import rank_zero_only

from gequnet.report.scalars import scalars
from gequnet.tracking.provenance import provenance
from gequnet.tracking.wandb_artifacts import send_charts, send_model, send_result, use_model, use_split
from gequnet.tracking.wandb_run import DISABLED, WandbRun

log = logging.getLogger("gequnet")


@rank_zero_only
def begin(trainer: pl.Trainer, cfg: DictConfig, data: Any) -> None:
    """Sends the configuration and where the run comes from; W&B also gets to know what it is made of.

    Args:
        trainer: with the loggers.
        cfg: settled.
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
    """Sends what the report has written: its numbers as scalars; to W&B network and tables, too.

    Args:
        trainer: that has tested.
        folder: of the run, with its ``metrics.json``.
    """
    summary = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    for logger in trainer.loggers:
        logger.log_metrics(scalars(summary), step=summary["steps"])
    for session in sessions(trainer):
        with without_failing():
            send_charts(session, folder)
            send_model(session, folder)
            send_result(session, folder)


def sessions(trainer: pl.Trainer) -> list[Any]:
    """The sessions with W&B that keep something."""
    loggers = [logger for logger in trainer.loggers if isinstance(logger, WandbRun)]
    return [logger.experiment for logger in loggers if logger.mode != DISABLED]


@contextmanager
def without_failing() -> Iterator[None]:
    """Says in a sentence that W&B did not take something, which is no reason to lose the run.

    What its client raises is not to be told beforehand: errors of its own, of the network, of what checks the answers.
    """
    try:
        yield
    except Exception as error:
        reason = str(error).partition("\n")[0]
        log.warning("W&B did not take them (%s): artifacts of this run are in its folder only", reason)
