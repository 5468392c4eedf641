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
from gequnet.distributed import is_first
from gequnet.evaluate.best_checkpoint import evaluate_best_checkpoint
from gequnet.runs.layout import STOPPED
from gequnet.runs.resume import find_previous, requested_config, run_fingerprint, write_fingerprint
from gequnet.runs.run_folder import save_config, save_scale
from gequnet.tracking import record
from gequnet.tracking.run_id import forget
from gequnet.train.batch_size_finder import batch_size
from gequnet.train.cost_estimate import estimate_cost
from gequnet.train.log_setup import set_up_logging
from gequnet.train.model_summary import print_summary
from gequnet.train.trainer import build_task, build_trainer
from gequnet.train.transfer import start_from
from gequnet.train.validate_config import check

log = logging.getLogger("gequnet")


def run(cfg: DictConfig) -> float:
    """Trains a network, tests its best checkpoint and writes the report into ``cfg.paths.run``.

    Args:
        cfg: a composed configuration, see ``conf/``.

    Returns:
        The best validation Dice.

    Raises:
        GequnetError: the configuration or the data cannot be used; says what to do.
    """
    began = time.monotonic()
    set_up_logging()
    check(cfg)
    cfg = requested_config(cfg)
    digest = run_fingerprint(cfg)
    cfg = resolve(cfg)
    before = find_previous(cfg, digest)
    if before.score is not None:
        return before.score
    if cfg.resume is None:
        forget(Path(cfg.paths.run))
    pl.seed_everything(cfg.seed, workers=True, verbose=False)
    data = build(cfg.data)
    data.setup("fit")
    match = match_widths(cfg)
    if match.miss:
        log.warning(match.miss)
    net = build(cfg.model, widths=match.widths)
    started = start_from(cfg, net)
    cfg.data.batch_size = batch_size(cfg, data, net)
    save_config(cfg, net)
    save_scale(cfg, data.fixed_scale)
    write_fingerprint(cfg, digest)
    task = build_task(cfg, net)
    trainer = build_trainer(cfg, data)
    try:
        record.begin(trainer, cfg, data)
        print_summary(cfg, data, net, trainer.world_size)
        estimate_cost(cfg, data, net, trainer, before.checkpoint)
        trainer.fit(task, datamodule=data, ckpt_path=before.checkpoint, weights_only=True)
        facts = {
            "widths": match.widths,
            "match": asdict(match) | {"miss": match.miss},
            "init_from": started,
            "fingerprint": digest,
        }
        score = evaluate_best_checkpoint(cfg, data, task, trainer, facts, began)
        record.end(trainer, Path(cfg.paths.run))
    except SIGTERMException:
        log.warning("told to stop; the same command with resume=auto, or resume=%s, goes on from here", cfg.paths.run)
        raise SystemExit(STOPPED if is_first() else 0) from None  # the first one speaks for all
    finally:
        close(trainer)
    return score


def close(trainer: pl.Trainer) -> None:
    """Ends what the loggers have open, so that the next job of a sweep starts its own; processes take their leave.

    W&B is told if the run failed.
    """
    failed = sys.exc_info()[0] is not None
    for logger in trainer.loggers:
        session = logger.experiment  # type: ignore[attr-defined]
        if hasattr(session, "finish"):
            session.finish(exit_code=int(failed))
        else:
            session.close()
    if distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()  # its threads, met by the end of the process, would end it as a failure
