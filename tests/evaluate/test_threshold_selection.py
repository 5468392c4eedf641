"""Threshold selection on the validation images, for networks with a known best threshold."""

import csv
import json

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, jaccard_score
from torch import nn
from torch.utils.data import DataLoader

from gequnet import experiment
from gequnet.config.build import build, build_net
from gequnet.config.compose import compose, resolve
from gequnet.errors import ConfigError
from gequnet.evaluate import threshold_selection
from gequnet.evaluate.threshold_selection import best_threshold, select_threshold
from gequnet.metrics.cldice import cldice
from gequnet.metrics.scores import threshold_scores
from gequnet.metrics.threshold_curve import THRESHOLDS, ThresholdCurve, at_thresholds
from gequnet.metrics.v_info import v_info
from gequnet.metrics.v_rand import v_rand
from gequnet.runs.run_folder import load_run
from gequnet.train.trainer import build_task
from gequnet.train.validate_config import validate_config

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec:FutureWarning"),
]

OF_LIBRARIES = {
    "dice": f1_score,
    "iou": jaccard_score,
    "accuracy": accuracy_score,
    "balanced_accuracy": balanced_accuracy_score,
    "pixel_error": lambda target, preds: 1 - accuracy_score(target, preds),
}
OF_MASKS = {"cldice": cldice, "v_rand": v_rand, "v_info": v_info}


def image(seed, space=(20, 16)):
    """Informative probabilities, some equal to a threshold, with true foreground and valid pixels."""
    generator = torch.Generator().manual_seed(seed)
    target = torch.rand(space, generator=generator) < 0.4
    preds = (torch.randn(space, generator=generator) + 2.0 * target - 1).sigmoid()
    preds = torch.where(torch.rand(space, generator=generator) < 0.3, (preds * 20).round() / 20, preds)
    return preds, target, torch.rand(space, generator=generator) < 0.7


@pytest.mark.parametrize("score", OF_LIBRARIES)
@settings(deadline=None, max_examples=20)  # scikit-learn is asked nineteen times each
@given(seed=st.integers(0, 10**6))
def test_scores_of_counts_are_those_of_scikit_learn_at_each_threshold(score, seed):
    preds, target, valid = image(seed)
    expected = [OF_LIBRARIES[score](target[valid], preds[valid] > each) for each in THRESHOLDS]
    np.testing.assert_allclose(at_thresholds(score, preds, target, valid), expected, atol=1e-12)


@pytest.mark.parametrize("score", OF_MASKS)
def test_other_scores_are_those_of_the_function_at_each_threshold(score):
    preds, target, valid = image(0)
    expected = [OF_MASKS[score](preds > each, target, valid) for each in THRESHOLDS]
    assert torch.equal(at_thresholds(score, preds, target, valid), torch.stack(expected))
    assert len(set(expected)) > 3


def test_there_is_a_test_for_every_score():
    assert set(threshold_scores()) == {*OF_LIBRARIES, *OF_MASKS}


def test_a_curve_of_a_network_that_gives_nan_is_nan():
    curve = ThresholdCurve("dice")
    for name, value in (("good", 1.0), ("broken", torch.nan)):
        curve.update(torch.full((1, 1, 4, 4), value), torch.ones(1, 4, 4).long(), torch.ones(1, 4, 4).bool(), [name])
    assert all(np.isnan(value) for value in curve.compute().values())


def test_a_curve_is_a_mean_over_classes_then_over_images_each_once():
    curve = ThresholdCurve("dice")
    cases = {f"image-{seed}": [image(seed), image(100 + seed)] for seed in range(3)}
    for name, regions in [*cases.items(), ("image-0", cases["image-0"])]:
        preds, mask = (torch.stack([region[part] for region in regions])[None] for part in (0, 1))
        curve.update(preds.logit(), mask.long(), regions[0][2][None], [name])
    expected = {}
    for each in THRESHOLDS:
        scores = []
        for regions in cases.values():
            valid = regions[0][2]
            found = [(target[valid], preds.logit().sigmoid()[valid] > each) for preds, target, _ in regions]
            scores.append(np.mean([f1_score(*masks) for masks in found]))
        expected[f"dice above {each:g}"] = np.mean(scores)
    assert curve.compute() == pytest.approx(expected, abs=1e-9)
    assert len(curve.compute()) == 19


def test_of_equally_good_thresholds_the_one_nearest_to_a_half():
    flat = dict.fromkeys(THRESHOLDS, 0.7)
    assert best_threshold(flat) == best_threshold(flat, lower=True) == 0.5
    assert best_threshold(flat | {0.9: 0.8}) == 0.9
    assert best_threshold(flat | {0.9: 0.6}, lower=True) == 0.9
    assert best_threshold(flat | {0.45: 0.8, 0.55: 0.8}) == 0.45
    assert best_threshold(flat | {0.5: float("nan"), 0.55: 0.8}) == 0.55
    assert best_threshold(dict.fromkeys(THRESHOLDS, float("nan"))) == 0.5


class Dim(nn.Module):
    """Network with one probability for bright pixels and another for dark ones."""

    def __init__(self, foreground, background):
        super().__init__()
        self.levels = nn.Parameter(torch.tensor([background, foreground]).logit())

    def forward(self, image):
        return torch.where(image > 0.5, self.levels[1], self.levels[0])


def quiet():
    return pl.Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, enable_checkpointing=False)


def study(tmp_path, *overrides):
    drawn = ["data.source.size=40", "data.source.num_images={train: 1, val: 2, test: 2}", "data.normalisation=none"]
    return resolve(compose(["model=unet", *drawn, "trainer=cpu", f"paths.run={tmp_path}", *overrides]))


class Membranes(pl.LightningDataModule):
    """Data module with two validation images that equal their labels, and no other images."""

    def val_dataloader(self):
        membrane = torch.zeros(16, 16, dtype=torch.bool)
        membrane[:, 7] = membrane[4] = True
        valid = torch.ones(1, 16, 16, dtype=torch.bool)
        images = [
            {"image": mask.float()[None, None], "mask": mask.long()[None], "valid": valid, "id": [name]}
            for name, mask in (("one", membrane), ("other", membrane.T))
        ]
        return DataLoader(images, batch_size=None)


@pytest.mark.parametrize("score", ["dice", "pixel_error", "v_rand"])
@pytest.mark.parametrize(
    ("foreground", "background", "expected"), [(0.33, 0.22, 0.3), (0.83, 0.62, 0.65), (0.7, 0.2, 0.5)]
)
def test_a_network_whose_best_threshold_is_known(tmp_path, score, foreground, background, expected):
    task = build_task(study(tmp_path), Dim(foreground, background))
    found, curve = select_threshold(score, task, Membranes(), quiet())
    assert found == expected
    assert curve[found] == (0 if score == "pixel_error" else 1)
    assert list(curve) == list(THRESHOLDS)


def test_only_validation_images_are_asked_about(tmp_path, monkeypatch):
    cfg = study(tmp_path)
    data, asked = build(cfg.data), []
    load = data.source.load
    monkeypatch.setattr(data.source, "load", lambda name: asked.append(name) or load(name))
    data.setup("validate")
    asked.clear()
    select_threshold("dice", build_task(cfg, build_net(cfg)), data, quiet())
    assert sorted(set(asked)) == data.splits["val"]


TINY = [
    *("data.source.size=40", "data.source.num_images={train: 2, val: 2, test: 2}", "data.patch_size=24"),
    *("data.batch_size=2", "data.patches_per_epoch=4", "width=fixed", "width.widths=[3,4]", "model.depth=2"),
    *("trainer=cpu", "trainer.max_steps=2", "~callbacks.equivariance", "model=unet", "scales=[1.6]"),
]


def test_a_run_is_tested_at_the_threshold_and_says_so(tmp_path, monkeypatch):
    """The selected threshold differs from the given one and holds for all later tests."""
    run = tmp_path / "run"
    monkeypatch.setattr(threshold_selection, "best_threshold", lambda curve, lower: 0.35)
    experiment.run(compose([*TINY, "threshold_by=iou", f"paths.run={run}"]))
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["threshold"] == 0.35
    assert list(metrics["threshold_curve"]) == [f"{each:g}" for each in THRESHOLDS]
    cfg, net = load_run(run)
    assert (cfg.metrics.threshold, cfg.threshold_by) == (0.35, "iou")
    data = build(cfg.data)
    data.setup("test")
    every = []
    with torch.no_grad():
        for batch in data.val_dataloader():
            target, preds = batch["mask"].flatten(), net(batch["image"]).sigmoid().flatten()
            every.append([jaccard_score(target, preds > each, zero_division=1.0) for each in THRESHOLDS])
        tested = {
            batch["id"][0]: f1_score(batch["mask"].flatten(), (net(batch["image"]).sigmoid() > 0.35).flatten())
            for batch in data.test_dataloader()
        }
    assert list(metrics["threshold_curve"].values()) == pytest.approx(np.mean(every, 0), abs=1e-6)
    with (run / "per_image.csv").open() as file:
        assert {row["id"]: float(row["dice"]) for row in csv.DictReader(file)} == pytest.approx(tested, abs=1e-6)
    with (run / "scales.csv").open() as file:
        at_one = {row["id"]: float(row["dice"]) for row in csv.DictReader(file) if float(row["scale"]) == 1}
    assert at_one == pytest.approx(tested, abs=1e-6)


def test_what_no_threshold_can_be_chosen_by_is_refused():
    run = "paths.run=/nowhere"
    validate_config(compose([run, "threshold_by=dice"]))
    validate_config(compose([run, "threshold_by=v_rand", "scoring.partition=true"]))
    with pytest.raises(ConfigError, match="There is no threshold_by=dise; the nearest are threshold_by=dice"):
        validate_config(compose([run, "threshold_by=dise"]))
    with pytest.raises(ConfigError, match="There is no threshold_by=sensitivity"):
        validate_config(compose([run, "threshold_by=sensitivity"]))
    with pytest.raises(ConfigError, match="head=softmax, which takes the likeliest class"):
        validate_config(compose([run, "threshold_by=dice", "data=msd", "model=unet3d"]))
    with pytest.raises(ConfigError, match="only for data with scoring.partition=true"):
        validate_config(compose([run, "threshold_by=v_info"]))


def shared_curve(rank, folder, ranks):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=ranks)
    found = curve_of(range(5)[rank::ranks]).compute()
    (folder / f"{rank}.json").write_text(json.dumps(found))
    dist.destroy_process_group()


def curve_of(numbers):
    curve = ThresholdCurve("iou")
    for number in numbers:
        preds, target, valid = image(number, (12 + number, 10))
        curve.update(preds.logit()[None, None], target.long()[None], valid[None], ["image" + "-" * number])
    return curve


@pytest.mark.slow
def test_every_rank_knows_the_curve_of_all(tmp_path):
    mp.spawn(shared_curve, args=(tmp_path, 2), nprocs=2)
    for rank in range(2):
        assert json.loads((tmp_path / f"{rank}.json").read_text()) == pytest.approx(curve_of(range(5)).compute())
