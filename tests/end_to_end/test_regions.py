"""Volumes with overlapping regions, in each part of a run and in a whole run."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra.utils import get_class, instantiate
from omegaconf import OmegaConf
from PIL import Image

from helpers.repository import CONF, ROOT
from helpers.volumes import Shells

NAMES = ["whole", "core", "enhancing"]
FACTS = {"num_classes": 3, "head": "sigmoid", "class_names": NAMES, "fov": False, "instances": False}
SCORING = {"surface": True, "tolerance_mm": 1.0, "curve_bins": 50, "partition": False, "background": None}


def batch(quality: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits, mask and valid of a volume; a larger ``quality`` gives better logits."""
    scene = Shells(12, {"test": 1}).load("test-000")
    mask = scene.mask.long().unsqueeze(0)
    noise = torch.randn(mask.shape, generator=torch.Generator().manual_seed(0))
    return noise + quality * (2 * mask - 1), mask, scene.valid.unsqueeze(0)


FITTING = [
    path.stem
    for path in sorted((CONF / "loss").glob("*.yaml"))
    if "sigmoid" in get_class(OmegaConf.load(path)._target_).heads
]


@pytest.mark.parametrize("name", FITTING)
def test_every_loss_falls_as_regions_are_found(name: str) -> None:
    config = OmegaConf.create({"data": FACTS, "loss": OmegaConf.load(ROOT / f"conf/loss/{name}.yaml")})
    loss = instantiate(config.loss, _convert_="all")
    values = []
    for quality in (-2.0, 0.0, 2.0, 4.0):
        logits, mask, valid = batch(quality)
        value = loss(logits.requires_grad_(), mask, valid)
        value.backward()
        assert logits.grad is not None
        assert all(bool(logits.grad[:, region].any()) for region in range(3))  # each region has a say
        values.append(value.item())
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("path", sorted((ROOT / "conf/metrics").glob("*.yaml")), ids=lambda path: path.stem)
@pytest.mark.parametrize("full", [True, False])
def test_every_score_is_there_for_every_region_and_knows_better_from_worse(path: Path, full: bool) -> None:
    config = OmegaConf.create({"data": FACTS, "scoring": SCORING, "metrics": OmegaConf.load(path)})
    found = []
    for quality in (0.5, 3.0):
        metrics = instantiate(config.metrics, _convert_="all")(full=full)
        metrics.update(*batch(quality), ["a"], spacing=torch.tensor([[1.0, 1.0, 2.5]]))
        found.append(metrics.compute())
    worse, better = found
    scores = {name.partition("/")[0] for name in worse}
    assert scores >= {"dice", "precision", "sensitivity", "balanced_accuracy"}
    assert {"hd95_mm", "surface_dice", "roc_auc"} <= scores or not full
    assert set(worse) == scores | {f"{score}/{name}" for score in scores for name in NAMES}
    for name in worse:
        if name.startswith("hd95"):
            assert worse[name] > better[name] >= 0
        else:
            assert worse[name] < better[name] <= 1


# What Lightning says about itself; a person who runs run.py does not see it either.
@pytest.mark.filterwarnings("ignore:.*does not have many workers")
@pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec:FutureWarning")
@pytest.mark.slow
def test_from_what_is_typed_to_the_folder(typed: Callable[..., int], tmp_path: Path) -> None:
    words = ["model=unet3d", "inference=sliding", "trainer=cpu", "trainer.max_steps=40", "validations=1"]
    words += ["data.source._target_=helpers.volumes.Shells", "data.source.size=16", "~data.source.noise"]
    words += ["data.source.num_images={train:4,val:1,test:3}", "~data.source.rotation", "data.spatial_dims=3"]
    words += ["data.name=shells", "data.num_classes=3", f"data.class_names={NAMES}"]
    words += ["data.patch_size=10", "data.batch_size=2", "scoring.surface=true", "scoring.curve_bins=50"]
    words += ["width=fixed", "width.widths=[4,6]", "model.depth=2", "loss=dice_bce"]
    assert typed(*words) == 0
    (folder,) = (path.parent for path in tmp_path.glob("runs/**/metrics.json"))
    test = json.loads((folder / "metrics.json").read_text())["test"]
    assert test["dice"] > 0.5  # balls, brighter than what is around
    assert all(test[f"{score}/{name}"] > 0 for score in ("hd95_mm", "surface_dice", "roc_auc") for name in NAMES)
    with (folder / "per_image.csv").open() as file:
        rows = list(csv.DictReader(file))
    for score in ("dice", "hd95_mm", "surface_dice/core"):
        assert np.mean([float(row[score]) for row in rows]) == pytest.approx(test[score], abs=1e-6)
    with np.load(folder / "samples.npz") as arrays:
        assert {name.rpartition("/")[0] for name in arrays.files} <= {row["id"] for row in rows}
        assert arrays[f"{rows[0]['id']}/mask"].shape == (3, 16, 16)
    with Image.open(folder / "predictions.png") as picture:
        assert min(picture.size) > 1000
