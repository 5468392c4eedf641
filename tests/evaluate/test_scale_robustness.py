"""Tests at other scales, of networks with known predictions."""

import csv
import json
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from sklearn.metrics import f1_score
from torch import nn

from gequnet.config.build import build
from gequnet.config.compose import compose, resolve
from gequnet.evaluate import best_checkpoint as judged
from gequnet.evaluate.scale_robustness import MaskPair, gather_ranks, scale_agreement, score_at
from gequnet.train.trainer import build_task

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec:FutureWarning"),
]


class Threshold(nn.Module):
    """Network that predicts tumour where a pixel is bright; the same function of space at any scale."""

    def forward(self, image):
        return 50 * (image - 0.6)


class Band(nn.Module):
    """Network that predicts the upper part of an image, of a fixed number of pixels, for any content."""

    def forward(self, image):
        logits = torch.full_like(image, -1.0)
        logits[..., :9, :] = 1
        return logits


def study(tmp_path, *overrides, dims=2):
    data = {2: "phantom_tumours2d", 3: "phantom_tumours"}[dims]
    model = {2: "unet", 3: "unet3d"}[dims]
    sizes = {2: "data.source.size=64", 3: "data.source.size=24"}[dims]
    few = "data.source.num_images={train: 1, val: 1, test: 3}"
    names = [f"model={model}", f"data={data}", sizes, few, "data.source.noise=0.0", "trainer=cpu", *overrides]
    return resolve(compose([*names, f"paths.run={tmp_path}"]))


def scored(cfg, net):
    def make_trainer(callbacks):
        return pl.Trainer(accelerator="cpu", callbacks=callbacks, logger=False, enable_progress_bar=False)

    return score_at([1.6, 0.6], build(cfg.data), build_task(cfg, net), make_trainer, "sigmoid", 0.5)


@pytest.mark.parametrize("dims", [2, 3])
def test_a_network_of_single_pixels_agrees_as_well_as_the_truth(tmp_path, dims):
    means, _ = scored(study(tmp_path, "data.normalisation=none", dims=dims), Threshold())
    assert list(means) == ["0.6", "1", "1.6"]
    assert means["1"]["agreement"] == means["1"]["agreement_floor"] == 1
    for scale in ("0.6", "1.6"):
        assert means[scale]["agreement_floor"] > 0.9
        assert means[scale]["agreement"] > 0.85  # of finer shapes than the truth


def test_a_network_of_pixels_that_stay_does_not_agree(tmp_path):
    means, rows = scored(study(tmp_path), Band())
    # 9 rows of 102, where 14.4 were expected, and 9 of 38, where 5.4 were
    assert means["1.6"]["agreement"] == pytest.approx(2 * 9 / (9 + 14), abs=1e-6)
    assert means["0.6"]["agreement"] == pytest.approx(2 * 5 / (9 + 5), abs=1e-6)
    assert [(row["scale"], row["id"]) for row in rows[:2]] == [(0.6, "test-000"), (0.6, "test-001")]
    assert len(rows) == 9


def test_scores_are_those_of_the_images_at_their_scale(tmp_path):
    """Reference scores, image by image: drawn, thresholded, and scored by scikit-learn."""
    cfg = study(tmp_path, "data.normalisation=none", "scales=[1.6]")
    means = judged.evaluate_at_scales(cfg, build(cfg.data), build_task(cfg, Threshold()))
    with (tmp_path / "scales.csv").open() as file:
        written = {(row["scale"], row["id"]): float(row["dice"]) for row in csv.DictReader(file)}
    source = build(cfg.data).source
    for name in source.ids("test"):
        for scale in (1.0, 1.6):
            scene = source.at_scale(scale).load(name)
            expected = f1_score(scene.mask.flatten(), scene.image.flatten() > 0.6, zero_division=1.0)
            assert written[str(scale), name] == pytest.approx(expected, abs=1e-9)
    mean = sum(dice for (scale, _), dice in written.items() if scale == "1.6") / 3
    assert means["1.6"]["dice"] == pytest.approx(mean, abs=1e-6)


def test_agreement_is_of_what_both_call_valid():
    said = torch.zeros(1, 6, 6, dtype=torch.bool)
    said[:, :3] = True
    half = torch.zeros(6, 6, dtype=torch.bool)
    half[:, :2] = True
    answer = MaskPair(said, said, half)
    wrong = answer.magnified(2.0, [12, 12])
    outside = MaskPair(wrong.pred ^ ~wrong.valid, wrong.target, wrong.valid)
    assert scale_agreement(outside, answer, 2.0) == {"agreement": 1.0, "agreement_floor": 1.0}


def each_its_own(rank: int, folder: Path) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
    found = gather_ranks({f"image-{rank}": {"agreement": float(rank)}})
    (folder / f"{rank}.json").write_text(json.dumps(found))
    dist.destroy_process_group()


@pytest.mark.slow
def test_every_rank_knows_the_agreements_of_all(tmp_path):
    mp.spawn(each_its_own, args=(tmp_path,), nprocs=2)
    expected = {"image-0": {"agreement": 0.0}, "image-1": {"agreement": 1.0}}
    assert [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1)] == [expected] * 2
