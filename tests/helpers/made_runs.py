"""Synthetic folders of finished runs, with real configurations and given scores."""

import csv
import json
from functools import lru_cache
from pathlib import Path

import numpy as np
from omegaconf import OmegaConf

from gequnet.config.compose import compose, resolve

WIDTHS = {"none": [12, 24, 45], "c4": [8, 14, 28], "c8": [6, 10, 20], "d4": [6, 10, 20]}
SIDE = 24


def made_run(
    folder,
    *overrides,
    dice=0.8,
    images=8,
    first=0,
    facts=None,
    arm=None,
    fov=False,
    evaluation=None,
    metrics=None,
    samples=True,
):
    """Make the folder of a run of ``python run.py <overrides>``.

    Args:
        folder: is made.
        overrides: as typed.
        dice: of the test images, one for all or one for each.
        images: how many there are, if ``dice`` does not say so.
        first: number of the first of them.
        facts: further columns of ``per_image.csv``.
        arm: what an experiment calls this run.
        fov: whether scores are inside and outside of a field of view.
        evaluation: of another evaluation, whose parent's folder ``folder`` is.
        metrics: what ``metrics.json`` says otherwise.
        samples: whether to keep pictures.
    """
    config = OmegaConf.create(composed(*overrides))
    config.paths.run = str(folder)
    place = folder / evaluation if evaluation else folder
    place.mkdir(parents=True, exist_ok=True)
    scores = np.full(images, dice) if isinstance(dice, float) else np.asarray(dice)
    if not evaluation:
        OmegaConf.save(config, folder / "config.yaml")
        write_history(folder / "history.csv", config)
    write_table(place / "per_image.csv", scores, facts or {}, fov, first)
    summary = summary_of(config, scores, fov) | {"arm": arm, "evaluation": evaluation} | (metrics or {})
    (place / "metrics.json").write_text(json.dumps(summary))
    if samples:
        np.savez_compressed(place / "samples.npz", **sample_arrays(float(scores.mean())))
    return folder


FUNDUS = ("dice_fov", "dice_whole", "dice_whole_masked")


@lru_cache
def composed(*overrides):
    """Resolved configuration, as YAML."""
    return OmegaConf.to_yaml(resolve(compose([*overrides, "paths.run=/nowhere"])))


def summary_of(config, scores, fov):
    group = config.chosen.group
    width = WIDTHS.get(group, [6, 10, 20])
    achieved = {"parameters": 62000, "channels": 80, "flops": 4.0e8, "activations": 2.0e6}
    ratio = 1.0 if group == "none" else 3.0
    achieved |= {"flops": int(4e8 * ratio), "activations": int(2e6 * ratio)}
    test = {name: float(scores.mean()) for name in (FUNDUS if fov else ("dice",))}
    return {
        "test": test | {f"iou{'_fov' if fov else ''}": 0.6, f"roc_auc{'_fov' if fov else ''}": None},
        "val_best": {"dice": 0.8},
        "chosen": OmegaConf.to_container(config.chosen),
        "parameters": achieved["parameters"],
        "widths": width,
        "steps": config.trainer.max_steps,
        "seed": config.seed,
        "data": {
            "name": config.data.name,
            "images": {"train": 48, "val": 8, "test": len(scores)},
            "split_hash": "f62c",
        },
        "versions": {"gequnet": "0.1.0", "torch": "2.13.0", "device": "one thread", "commit": "58ef852"},
        "seconds_per_training_step": 0.1 * ratio,
        "seconds_per_test_image": 0.02 * ratio,
        "equivariance": {
            "90°": {"error": 3e-7 * (1 + config.seed), "in_group": group != "none"},
            "270°": {"error": 1e-7, "in_group": group != "none"},
            "flip+0°": {"error": 0.2, "in_group": False},
            "45°": {"error": 0.25, "floor": 0.03},
        },
        "match": {
            "budget": "channels" if config.chosen.width == "channels" else "parameters",
            "bound": 0.01,
            "met": True,
            "miss": None,
            "ratios": {"parameters": 1.0, "channels": 1.0, "flops": ratio, "activations": ratio},
            "achieved": achieved,
            "baseline": {"widths": [12, 24, 45], "parameters": 62000},
        },
    }


def write_table(path, scores, facts, fov, first):
    columns = {"dice_fov" if fov else "dice": scores, "iou": scores * 0.8} | facts
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", *columns])
        writer.writerows(
            [f"test-{index:03}", *values] for index, values in enumerate(zip(*columns.values(), strict=True), first)
        )


def write_history(path, config):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["step", "epoch", "train/loss", "train/lr", "val/loss", "val/dice"])
        for step in range(1, 41):
            level = (1 + 0.1 * config.seed) / step
            writer.writerow([step, 0, level, 0.01, *([2 * level, 1 - level] if step % 10 == 0 else ["", ""])])


def sample_arrays(quality):
    generator = np.random.default_rng(0)
    arrays = {}
    for index in range(4):
        mask = np.zeros((SIDE, SIDE), np.uint8)
        mask[8:12] = 1
        wrong = generator.random((SIDE, SIDE)) > quality
        arrays |= {
            f"test-{index:03}/image": (mask * 200)[..., None],
            f"test-{index:03}/mask": mask,
            f"test-{index:03}/valid": np.ones((SIDE, SIDE), bool),
            f"test-{index:03}/probabilities": (255 * (mask ^ wrong))[None].astype(np.uint8),
        }
    return arrays


def noisy(mean, images=16, seed=0):
    """Random scores of images around a mean."""
    return mean + 0.02 * np.random.default_rng(seed).standard_normal(images)


def made_sweep(folder: Path):
    """Make a sweep of four arms and three seeds, in which C8 is best and D4 worst."""
    arms = {"U-Net": ("none", 0.0), "C4": ("c4", 0.002), "C8": ("c8", 0.03), "D4": ("d4", -0.03)}
    jobs = []
    hard = noisy(0.8)
    for arm, (group, gain) in arms.items():
        for seed in range(3):
            name = f"{arm.lower()}_s{seed}"
            network = ["model=unet"] if group == "none" else ["model=e2unet", f"group={group}"]
            scores = hard + gain + 0.1 * (noisy(0.0, seed=10 * len(jobs) + 1))
            made_run(folder / name, *network, f"seed={seed}", dice=scores, arm=arm)
            if arm == "U-Net":
                made_run(folder / name, *network, f"seed={seed}", dice=scores + 0.01, arm=arm, evaluation="tta_d4")
            jobs.append({"folder": name, "overrides": [*network, f"seed={seed}"]})
    jobs.append({"folder": "lost", "overrides": []})
    plan = {"varied": ["model", "group", "seed", "tta"], "title": "Groups", "jobs": jobs, "notes": ["A note."]}
    (folder / "sweep.json").write_text(json.dumps(plan))
    return folder
