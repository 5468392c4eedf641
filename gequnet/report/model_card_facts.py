"""The facts on the card of a run: what the network is, what it has learned from, how it was trained."""

from typing import Any

import pandas as pd
from omegaconf import DictConfig

from gequnet.data.download.licences import Terms, terms_of
from gequnet.data.source import SPLITS
from gequnet.report.findings import recipe
from gequnet.report.finished_runs import Run

MISSING = "not recorded"
FAMILIES = {
    "UNet": "a plain U-Net: no symmetry is built in",
    "E2UNet": "a U-Net whose layers commute with the turns (and mirrors) of its group",
    "ScaleUNet": "a U-Net whose layers commute with magnification, on a window of scales",
}
Facts = dict[str, str]


def network(run: Run, cfg: DictConfig) -> Facts:
    """Family, group, size and what goes in and out."""
    family = str(cfg.model._target_).rpartition(".")[2]
    chosen = run.metrics["chosen"]
    widths = run.metrics.get("widths") or cfg.model.get("widths")
    unit = {"E2UNet": "fields", "ScaleUNet": "channels for each scale"}.get(family, "channels")
    return {
        "family": FAMILIES.get(family, f"{family}, a network that gequnet does not know"),
        "named in conf/": f"model={chosen['model']} group={chosen['group']}",
        "axes": f"{cfg.data.spatial_dims}",
        "widths": f"{', '.join(map(str, widths))} {unit} from level to level" if widths else MISSING,
        "parameters": f"{run.metrics['parameters']}",
        "channels of an image": f"{cfg.data.in_channels}",
        "classes": ", ".join(cfg.data.class_names),
        "head": f"{cfg.data.head}: "
        + ("classes exclude each other" if cfg.data.head == "softmax" else "a probability for each class"),
        "threshold": _threshold(cfg),
    }


def data(run: Run, cfg: DictConfig, terms: Terms) -> Facts:
    """Which images, whose they are, and which of them did what."""
    images = run.metrics["data"].get("images", {})
    said = {
        "dataset": f"{terms.title} (data={cfg.data.name})",
        "from": terms.home,
        "licence": terms.licence,
        "to be cited": terms.cite,
        "images": ", ".join(f"{count} {split}" for split, count in images.items()) or MISSING,
        "split": f"SHA-256 {run.metrics['data'].get('split_hash') or MISSING}",
    }
    if run.fold is not None:
        said["fold"] = f"{run.fold} of {cfg.data.source.folds} tests; the split above is how images are dealt to folds"
    if cfg.data.get("num_images") is not None:
        said["trained on"] = f"{cfg.data.num_images} of the training images only"
    if cfg.data.get("num_patches") is not None:
        said["trained on places"] = f"{cfg.data.num_patches} only"
    said["intensities"] = f"normalisation={cfg.data.normalisation}"
    if started := run.metrics.get("init_from"):
        before = terms_of(str(started.get("data")))
        said["started from"] = f"a network trained on {before.title} (licence: {before.licence})"
    return said


def training(run: Run, cfg: DictConfig) -> Facts:
    """The recipe, and what it was computed with."""
    elsewhere = ("data", "images trained on", "number of patches", *(f"{split} images" for split in SPLITS))
    said = {name: value for name, value in recipe(run, []).items() if name not in elsewhere}
    sides = cfg.data.patch_size
    said["patch size"] = f"{sides}" if isinstance(sides, int) else " x ".join(map(str, sides))
    said["weight decay"] = str(cfg.optim.get("weight_decay", 0))
    said["seed"] = str(run.seed)
    said["checkpoint"] = f"the one with the best validation Dice, {number(run.metrics.get('val_best', {}).get('dice'))}"
    versions = run.metrics.get("versions", {})
    said["computed with"] = ", ".join(
        f"{name} {versions[name]}" for name in ("gequnet", "torch", "python") if versions.get(name)
    )
    said["on"] = str(versions.get("device") or MISSING)
    commit = str(versions.get("commit") or MISSING)
    said["commit of gequnet"] = commit.removesuffix("+") + (", with changes since" if commit.endswith("+") else "")
    said["fingerprint of the recipe"] = str(run.metrics.get("fingerprint") or MISSING)
    return said


def number(value: Any) -> str:
    """A score, where it is there.

    >>> number(0.81234), number(None)
    ('0.8123', 'not defined')
    """
    return "not defined" if value is None or pd.isna(value) else f"{value:.4f}"


def _threshold(cfg: DictConfig) -> str:
    if cfg.data.head == "softmax":
        return "none: the likeliest class is taken"
    by = cfg.get("threshold_by")
    return f"{cfg.metrics.threshold:g}" + (f", of the best {by} on the validation images" if by else ", as given")
