"""Run of a few seconds, its parts, and a bit-for-bit comparison of two runs."""

import csv
import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gequnet.config.build import build
from gequnet.config.compose import compose, resolve
from gequnet.runs.checkpoint import read_checkpoint

TINY = [
    "data=phantom_vessels", "data.source.size=40", "data.source.num_images={train: 2, val: 1, test: 1}",
    "data.patch_size=24", "data.batch_size=2", "data.patches_per_epoch=10", "augment=full", "trainer=cpu",
    "trainer.max_steps=23", "trainer.deterministic=true", "validations=4", "callbacks.equivariance.images=0",
    "model=unet", "width.widths=[4,8]", "model.depth=2", "model.dropout=0.3", "resume=auto",
    "callbacks.last.every_minutes=0", "~callbacks.predictions", "~callbacks.contours",
]  # fmt: skip

LAST = "checkpoints/last.ckpt"


def parts(folder: Path, *overrides: str) -> tuple[Any, Any, nn.Module]:
    cfg = resolve(compose([*TINY, f"paths.run={folder}", *overrides]))
    data = build(cfg.data)
    data.setup("fit")
    return cfg, data, build(cfg.model, widths=cfg.width.widths)


def trained(folder: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any], list[dict[str, str]]]:
    """Last weights, results and history of a run."""
    said = json.loads((folder / "metrics.json").read_text())
    with (folder / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    kept = {name: said[name] for name in ("test", "val_best", "steps", "fingerprint")}
    return read_checkpoint(folder / LAST)["state_dict"], kept, rows


def assert_same(folder: Path, other: Path) -> None:
    (weights, said, rows), (others, also_said, other_rows) = trained(folder), trained(other)
    assert weights.keys() == others.keys()
    for name, value in weights.items():
        assert torch.equal(value, others[name]), name
    assert said == also_said
    assert rows == other_rows
