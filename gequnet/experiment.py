"""One experiment, from configuration to report."""

import logging
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytorch_lightning as pl
from omegaconf import DictConfig
from pytorch_lightning.utilities.exceptions import SIGTERMException
from torch import distributed

from gequnet.config.build import build, match_widths
from gequnet.config.compose import resolve
from gequnet.data.class_occurrence import warn_about_classes
from gequnet.distributed import is_first
from gequnet.evaluate.best_checkpoint import evaluate_best_checkpoint
from gequnet.runs.layout import STOPPED
from gequnet.runs.resume import PreviousRun, find_previous, requested_config, run_fingerprint, write_fingerprint
from gequnet.runs.run_folder import save_config, save_scale
from gequnet.tracking import record
from gequnet.tracking.run_id import forget
from gequnet.train.batch_size_finder import choose_batch_size
from gequnet.train.cost_estimate import estimate_cost
from gequnet.train.finite_loss import DivergedError
from gequnet.train.log_setup import set_up_logging
from gequnet.train.model_summary import print_summary
from gequnet.train.trainer import build_task, build_trainer, check_optimizer
from gequnet.train.transfer import load_initial_weights
from gequnet.train.validate_config import validate_config
from gequnet.train.values_per_channel import check_batch, one_value_refused

log = logging.getLogger("gequnet")


def run(cfg: DictConfig) -> float:
    """Train a network, test its best checkpoint and write the report into ``cfg.paths.run``.

    Args:
        cfg: a composed configuration, see ``conf/``.

    Returns:
        The best validation Dice.

    Raises:
        GequnetError: the configuration or the data cannot be used, or the training has diverged; the message has the
            remedy.
        SystemExit: after a signal, with code ``STOPPED`` on the first rank.
    """
    began = time.monotonic()
    set_up_logging()
    validate_config(cfg)
    cfg = requested_config(cfg)
    digest = run_fingerprint(cfg)
    cfg = resolve(cfg)
    previous = find_previous(cfg, digest)
    if previous.score is not None:
        return previous.score
    if cfg.resume is None:
        forget(Path(cfg.paths.run))
    try:
        return train_and_test(cfg, digest, previous, began)
    except SIGTERMException:  # before the training
        raise stopped(cfg) from None


def train_and_test(cfg: DictConfig, digest: str, previous: PreviousRun, began: float) -> float:
    """The run itself: data, network, task and trainer; training; test of the best checkpoint; report.

    Args:
        cfg: resolved; gets the batch size, where it is searched.
        digest: fingerprint of the run.
        previous: start of the run that is continued.
        began: start of this one, on the clock of ``time.monotonic``.

    Returns:
        The best validation Dice.
    """
    pl.seed_everything(cfg.seed, workers=True, verbose=False)
    data = build(cfg.data)
    data.setup("fit")
    match = match_widths(cfg)
    if match.miss:
        log.warning(match.miss)
    net = build(cfg.model, widths=match.widths)
    started = load_initial_weights(cfg, net)
    with one_value_refused(cfg, data):
        cfg.data.batch_size = choose_batch_size(cfg, data, net)
    check_batch(cfg, data, net)
    task = build_task(cfg, net)
    check_optimizer(task, cfg.trainer.max_steps)
    trainer = build_trainer(cfg, data)
    # Nothing is refused from here on, so the first files may be written.
    save_config(cfg, net)
    save_scale(cfg, data.fixed_scale)
    write_fingerprint(cfg, digest)
    try:
        record.begin(trainer, cfg, data)
        warn_about_classes(data)
        print_summary(cfg, data, net, trainer.world_size)
        estimate_cost(cfg, data, net, trainer, previous.checkpoint)
        trainer.fit(task, datamodule=data, ckpt_path=previous.checkpoint, weights_only=True)
        facts = {
            "widths": match.widths,
            "match": asdict(match) | {"miss": match.miss},
            "init_from": started,
            "fingerprint": digest,
        }
        score = evaluate_best_checkpoint(cfg, data, task, trainer, facts, began)
        record.end(trainer, Path(cfg.paths.run))
    except SIGTERMException:
        raise stopped(cfg) from None
    except DivergedError:  # of every rank; the first one reports it, and the exit code of the others would kill it
        if is_first():
            raise
        raise SystemExit(0) from None
    finally:
        close(trainer)
    return score


def stopped(cfg: DictConfig) -> SystemExit:
    """The exit of a run that was stopped by a signal; the exit code of the first rank is that of the run."""
    log.warning("stopped by a signal; resume=auto with the same command, or resume=%s, continues", cfg.paths.run)
    return SystemExit(STOPPED if is_first() else 0)


def close(trainer: pl.Trainer) -> None:
    """Close the loggers, so that the next job of a sweep starts its own, and the process group.

    W&B gets exit code 1 if an exception is being handled.
    """
    failed = sys.exc_info()[0] is not None
    for logger in trainer.loggers:
        session = logger.experiment  # type: ignore[attr-defined]
        if hasattr(session, "finish"):
            session.finish(exit_code=int(failed))
        else:
            session.close()
    if distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()  # its threads would make the exit of the process fail
