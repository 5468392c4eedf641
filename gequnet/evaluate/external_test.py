"""`python -m gequnet.evaluate RUN data=NAME`: a finished run tested on another dataset, by its own recipe."""

import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from omegaconf import DictConfig
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from gequnet.config.build import build
from gequnet.config.trusted_targets import check_targets
from gequnet.data.source import SPLITS
from gequnet.errors import ConfigError, first_sentence
from gequnet.evaluate.dataset_config import dataset_nodes, metrics_node, typed_values
from gequnet.evaluate.training_overlap import relocate_data, training_overlap
from gequnet.report import metrics_json
from gequnet.report.finished_runs import read_run
from gequnet.report.model_card import write_card
from gequnet.runs.run_folder import load_run, load_scale
from gequnet.train.log_setup import set_up_logging
from gequnet.train.trainer import build_task

log = logging.getLogger("gequnet")

TESTED = ("test", "val", "all")
OF_A_TEST = (  # what a run's callbacks make of a test
    *("timing", "progress", "predictions", "contours", "unlabelled", "volumes", "second_observer", "equivariance"),
)


def evaluate(run: str | Path, overrides: Sequence[str] = (), out: Path | None = None, split: str = "test") -> Path:
    """Tests a finished run on a dataset, and writes what a run's own test leaves.

    Args:
        run: the run's folder.
        overrides: ``data=NAME`` and ``data.…``; without them it is the run's own dataset.
        out: folder for ``metrics.json``, ``per_image.csv`` and pictures; else ``evaluations/NAME`` in the run's.
        split: ``test``, ``val`` or ``all``.

    Returns:
        That folder.

    Raises:
        GequnetError: the run cannot be read, the dataset does not fit or is not there; says what to do.
    """
    began = time.monotonic()
    set_up_logging()
    run = Path(run)
    cfg, net = load_run(run)
    check_targets(cfg, run / "config.yaml")
    nodes, said = dataset_nodes(cfg, overrides)
    node = nodes.data
    folder = out or run / "evaluations" / (node.name if split == "test" else f"{node.name}_{split}")
    _check_room(folder, run)
    data = build(node)
    _scale_as(run, cfg, data)
    data.test_ids = [each for part in SPLITS if split in (part, "all") for each in data.splits[part]]
    if not data.test_ids and any(data.splits.values()):
        raise ConfigError(
            f"data={node.name} has images, and none of them is in its split {split}: test those that it has with "
            "--split all, if the run was not trained on them."
        )
    data.setup("test")
    typed, trained = typed_values(overrides), _trained_on(run, cfg)
    familiar = training_overlap(cfg, data, typed.get("paths.data"), trained.get("split_hash"))
    for sentence in (*said, *_about(familiar)):
        log.warning(sentence)
    cfg.metrics = metrics_node(cfg, nodes)
    task = build_task(cfg, net)
    trainer = _trainer(cfg, folder, typed.get("trainer.accelerator"))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.json").unlink(missing_ok=True)  # of an earlier evaluation, whose pictures are overwritten now
    trainer.test(task, datamodule=data, weights_only=True, verbose=False)
    facts = _facts(cfg, data, split) | {"trained_on": trained, "seen_in_training": familiar}
    facts |= {"run": Path(os.path.relpath(run.resolve(), folder.resolve())).as_posix()}
    metrics_json.report(folder, cfg, data, task, trainer, facts | {"wall_seconds": time.monotonic() - began})
    if (run / "metrics.json").exists() and folder.resolve().is_relative_to(run.resolve()):
        write_card(run)  # which lists the tests in the run's folder
    return folder


def _check_room(folder: Path, run: Path) -> None:
    """Takes an empty folder, or that of an earlier evaluation, which is then replaced."""
    if folder.resolve() == run.resolve() or (folder / "config.yaml").exists():
        raise ConfigError(f"{folder} is a run's folder, with a test of its own: give another one with -o.")
    earlier = (folder / "metrics.json").exists() and read_run(folder).elsewhere
    if folder.exists() and not earlier and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} holds something else: give an empty folder, or a new one, with -o.")


def _scale_as(run: Path, cfg: DictConfig, data: Any) -> None:
    """Where all images have one scale it is that of the images that the run was trained on."""
    if data.normalisation.startswith("full"):
        data.fixed_scale = load_scale(run) or build(relocate_data(cfg.data, cfg.paths.data)).fixed_scale


def _about(familiar: dict[str, list[str]] | None) -> list[str]:
    """What weakens a test, in sentences."""
    if familiar is None:
        return [
            "The images that the run was trained on cannot be listed any more, so it is not known whether some of them "
            "are among those tested."
        ]
    what = {"train": "were trained on", "val": "have selected the checkpoint"}
    return [
        f"{len(names)} of the images tested {what[split]} in this run ({', '.join(names[:3])}"
        f"{', …' if len(names) > 3 else ''}): what they add to the scores says nothing about new images."
        for split, names in familiar.items()
    ]


def _trainer(cfg: DictConfig, folder: Path, accelerator: str | None) -> pl.Trainer:
    """The run's trainer, in one process and on all images, with what its callbacks make of a test."""
    own, metrics = cfg.callbacks, cfg.metrics
    changes = {"path": lambda path: str(folder / Path(path).name), "metrics": lambda _: metrics}
    callbacks = [
        build(own[name], **{key: make(own[name][key]) for key, make in changes.items() if key in own[name]})
        for name in OF_A_TEST
        if name in own
    ]
    settings = {
        "devices": 1,
        "num_nodes": 1,
        "strategy": "auto",
        "limit_test_batches": None,
        "default_root_dir": str(folder),
    }
    settings |= {"accelerator": accelerator} if accelerator else {}
    try:
        trainer: pl.Trainer = build(cfg.trainer, _partial_=True)(callbacks=callbacks, logger=False, **settings)
    except MisconfigurationException as error:  # the run had a device that this machine does not have, say
        raise ConfigError(f"{first_sentence(str(error))} Type trainer.accelerator=cpu to do without.") from None
    return trainer


def _trained_on(run: Path, cfg: DictConfig) -> dict[str, Any]:
    """Which images the run was trained on, as its own test has written it down."""
    known = (run / "metrics.json").exists()
    return dict(read_run(run).metrics["data"]) if known else {"name": cfg.data.name}


def _facts(cfg: DictConfig, data: Any, split: str) -> dict[str, Any]:
    """What ``metrics.json`` says of the images beside the scores."""
    what = {"test": "", "val": "the validation images of ", "all": "all of "}[split]
    images = {"test": len(data.test_ids)}
    return {
        "evaluation": f"on {what}{data.name}",
        "data": {"name": data.name, "split": split, "images": images, "split_hash": data.split_hash},
        "threshold": cfg.metrics.threshold,
    }
