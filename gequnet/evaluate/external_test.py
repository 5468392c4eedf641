"""Test of a finished run on another dataset, with the network and the recipe of the run."""

import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from omegaconf import DictConfig
from pytorch_lightning.utilities.exceptions import SIGTERMException

from gequnet.config.build import build
from gequnet.data.source import SPLITS
from gequnet.errors import ConfigError
from gequnet.evaluate.dataset_config import dataset_nodes, metrics_node, typed_values
from gequnet.evaluate.further_tests import callbacks_for
from gequnet.evaluate.training_overlap import relocate_data, training_overlap
from gequnet.report.finished_runs import read_run
from gequnet.report.metrics_json import report_test
from gequnet.report.model_card import write_card
from gequnet.runs.layout import STOPPED, RunFolder
from gequnet.runs.resume import safe_config
from gequnet.runs.run_folder import load_run, load_scale
from gequnet.train.log_setup import set_up_logging
from gequnet.train.trainer import build_task, evaluation_trainer

log = logging.getLogger("gequnet")

TESTED = ("test", "val", "all")


def evaluate(run: str | Path, overrides: Sequence[str] = (), out: Path | None = None, split: str = "test") -> Path:
    """Test a finished run on a dataset, and write the same files as a run's own test.

    Args:
        run: the run's folder.
        overrides: ``data=NAME`` and ``data.…``; without them the run's own dataset is tested.
        out: folder for ``metrics.json``, ``per_image.csv`` and pictures; default ``evaluations/NAME`` in the run's.
        split: ``test``, ``val`` or ``all``.

    Returns:
        That folder.

    Raises:
        GequnetError: the run cannot be read, or the dataset does not fit or is missing.
        SystemExit: with code ``STOPPED``, after a signal.
    """
    began = time.monotonic()
    set_up_logging()
    run = Path(run)
    cfg, net = load_run(run)
    safe_config(run, cfg)
    nodes, warnings = dataset_nodes(cfg, overrides)
    node = nodes.data
    folder = out or RunFolder(run).evaluation(node.name if split == "test" else f"{node.name}_{split}").path
    _check_folder(folder, run)
    data = _test_data(run, cfg, node, split)
    typed, trained = typed_values(overrides), _trained_on(run, cfg)
    overlap = training_overlap(cfg, data, typed.get("paths.data"), trained.get("split_hash"))
    for sentence in (*warnings, *_overlap_warnings(overlap)):
        log.warning(sentence)
    cfg.metrics = metrics_node(cfg, nodes)
    task = build_task(cfg, net)
    trainer = _trainer(cfg, folder, typed.get("trainer.accelerator"))
    folder.mkdir(parents=True, exist_ok=True)
    RunFolder(folder).metrics.unlink(missing_ok=True)  # of an earlier evaluation, whose pictures are replaced now
    try:
        trainer.test(task, datamodule=data, weights_only=True, verbose=False)
    except SIGTERMException:
        raise SystemExit(STOPPED) from None
    facts = _facts(cfg, data, split) | {"trained_on": trained, "seen_in_training": overlap}
    facts |= {"run": Path(os.path.relpath(run.resolve(), folder.resolve())).as_posix()}
    report_test(folder, cfg, data, task, trainer, facts | {"wall_seconds": time.monotonic() - began})
    if RunFolder(run).is_finished and folder.resolve().is_relative_to(run.resolve()):
        write_card(run)  # which lists the tests in the run's folder
    return folder


def _check_folder(folder: Path, run: Path) -> None:
    """Accept an empty folder, or that of an earlier evaluation, which is replaced."""
    place = RunFolder(folder)
    if folder.resolve() == run.resolve() or place.is_run:
        raise ConfigError(f"{folder} is a run's folder, with a test of its own: give another one with -o.")
    evaluated = place.is_finished and read_run(folder).elsewhere
    if folder.exists() and not evaluated and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} holds something else: give an empty folder, or a new one, with -o.")


def _test_data(run: Path, cfg: DictConfig, node: DictConfig, split: str) -> Any:
    """The data module of the test dataset, set up, with the images of the split and the run's intensity scale."""
    data = build(node)
    if data.normalisation.startswith("full"):  # one scale for all images: that of the training images
        data.fixed_scale = load_scale(run) or build(relocate_data(cfg.data, cfg.paths.data)).fixed_scale
    data.test_ids = [each for part in SPLITS if split in (part, "all") for each in data.splits[part]]
    if not data.test_ids and any(data.splits.values()):
        raise ConfigError(
            f"data={node.name} has images, and none of them is in its split {split}: test those that it has with "
            "--split all, if the run was not trained on them."
        )
    data.setup("test")
    return data


def _overlap_warnings(overlap: dict[str, list[str]] | None) -> list[str]:
    if overlap is None:
        return [
            "The images that the run was trained on cannot be listed any more, so it is not known if some of them are "
            "among those tested."
        ]
    roles = {"train": "were trained on", "val": "have selected the checkpoint"}
    return [
        f"{len(names)} of the images tested {roles[split]} in this run ({', '.join(names[:3])}"
        f"{', …' if len(names) > 3 else ''}): their scores say nothing about new images."
        for split, names in overlap.items()
    ]


def _trainer(cfg: DictConfig, folder: Path, accelerator: str | None) -> pl.Trainer:
    """A trainer for the test of all images in one process."""
    chosen = {"accelerator": accelerator} if accelerator else {}
    return evaluation_trainer(
        cfg,
        callbacks_for("test", cfg, folder),
        devices=1,
        num_nodes=1,
        strategy="auto",
        limit_test_batches=None,
        default_root_dir=str(folder),
        **chosen,
    )


def _trained_on(run: Path, cfg: DictConfig) -> dict[str, Any]:
    """Facts about the training images, from the run's ``metrics.json`` if there is one."""
    return dict(read_run(run).metrics["data"]) if RunFolder(run).is_finished else {"name": cfg.data.name}


def _facts(cfg: DictConfig, data: Any, split: str) -> dict[str, Any]:
    """Entries of ``metrics.json`` about the test images."""
    prefix = {"test": "", "val": "the validation images of ", "all": "all of "}[split]
    images = {"test": len(data.test_ids)}
    return {
        "evaluation": f"on {prefix}{data.name}",
        "data": {"name": data.name, "split": split, "images": images, "split_hash": data.split_hash},
        "threshold": cfg.metrics.threshold,
    }
