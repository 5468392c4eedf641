"""One experiment, from configuration to report."""

import logging
import sys
import time
import warnings
from dataclasses import asdict
from pathlib import Path

import pytorch_lightning as pl
from omegaconf import DictConfig
from pytorch_lightning.utilities.exceptions import SIGTERMException
from torch import distributed

from gequnet.assembly import build_task, build_trainer
from gequnet.auto_batch import batch_size
from gequnet.config.build import build, match_widths
from gequnet.config.compose import resolve
from gequnet.distributed import is_first
from gequnet.forecast import foresee
from gequnet.judgement import judge
from gequnet.recipe import check
from gequnet.runs.layout import STOPPED
from gequnet.runs.resume import find_previous, requested_config, run_fingerprint, write_fingerprint
from gequnet.runs.run_folder import save_config, save_scale
from gequnet.summary import announce
from gequnet.tracking import record
from gequnet.tracking.run_id import forget
from gequnet.transfer import start_from

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
    quieten()
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
        announce(cfg, data, net, trainer.world_size)
        foresee(cfg, data, net, trainer, before.checkpoint)
        trainer.fit(task, datamodule=data, ckpt_path=before.checkpoint, weights_only=True)
        facts = {
            "widths": match.widths,
            "match": asdict(match) | {"miss": match.miss},
            "init_from": started,
            "fingerprint": digest,
        }
        score = judge(cfg, data, task, trainer, facts, began)
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


def quieten() -> None:
    """Leaves out what libraries say that nobody who runs an experiment can act upon, and what others have said."""
    if not is_first():
        logging.getLogger("gequnet").setLevel(logging.ERROR)
    for name in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", ".*does not have many workers")
    warnings.filterwarnings("ignore", ".*treespec, LeafSpec", FutureWarning)
    warnings.filterwarnings("ignore", "Grad strides do not match bucket view")
    warnings.filterwarnings("ignore", "Checkpoint directory .* exists and is not empty")  # of a run that is resumed
    warnings.filterwarnings("ignore", ".*AMP with fp16 is not supported on CPU")  # which is an error of ours
    warnings.filterwarnings("ignore", ".*in eval mode at the start of training")  # what finetune freezes
