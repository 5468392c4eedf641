"""Facts on the model card of a run: network, training data, training."""

from typing import Any

import pandas as pd
from omegaconf import DictConfig

from gequnet.data.download.licences import Terms, terms_of
from gequnet.data.source import SPLITS
from gequnet.report.findings import recipe
from gequnet.report.finished_runs import Run

MISSING = "not recorded"
FAMILIES = {
    "UNet": "a plain U-Net, without built-in symmetry",
    "E2UNet": "a U-Net whose layers are equivariant to the rotations (and reflections) of its group",
    "ScaleUNet": "a U-Net whose layers are equivariant to scaling, within a window of scales",
}
Facts = dict[str, str]


def network_facts(run: Run, cfg: DictConfig) -> Facts:
    """Family, group, size, inputs and outputs of the network."""
    family = str(cfg.model._target_).rpartition(".")[2]
    chosen = run.metrics["chosen"]
    widths = run.metrics.get("widths") or cfg.model.get("widths")
    unit = {"E2UNet": "fields", "ScaleUNet": "channels for each scale"}.get(family, "channels")
    return {
        "family": FAMILIES.get(family, f"{family}, not a network of gequnet"),
        "choices in conf/": f"model={chosen['model']} group={chosen['group']}",
        "axes": f"{cfg.data.spatial_dims}",
        "widths": f"{', '.join(map(str, widths))} {unit} from level to level" if widths else MISSING,
        "parameters": f"{run.metrics.get('parameters') or MISSING}",
        "channels of an image": f"{cfg.data.in_channels}",
        "classes": ", ".join(cfg.data.class_names),
        "head": f"{cfg.data.head}: "
        + ("classes exclude each other" if cfg.data.head == "softmax" else "a probability for each class"),
        "threshold": _threshold(cfg),
    }


def data_facts(run: Run, cfg: DictConfig, terms: Terms) -> Facts:
    """Dataset, source, licence, and the number of images in each split."""
    images = run.metrics["data"].get("images") or {}
    facts = {
        "dataset": f"{terms.title} (data={cfg.data.name})",
        "from": terms.home,
        "licence": terms.licence,
        "to be cited": terms.cite,
        "images": ", ".join(f"{count} {split}" for split, count in images.items()) or MISSING,
        "split": f"SHA-256 {run.metrics['data'].get('split_hash') or MISSING}",
    }
    if run.fold is not None:
        facts["fold"] = (
            f"{run.fold} of {cfg.data.source.folds} is the test fold; the split above assigns the images to folds"
        )
    if cfg.data.get("num_images") is not None:
        facts["trained on"] = f"{cfg.data.num_images} of the training images only"
    if cfg.data.get("num_patches") is not None:
        facts["trained on places"] = f"{cfg.data.num_patches} only"
    facts["intensities"] = f"normalisation={cfg.data.normalisation}"
    if started := run.metrics.get("init_from"):
        before = terms_of(str(started.get("data")))
        facts["started from"] = f"a network trained on {before.title} (licence: {before.licence})"
    return facts


def training_facts(run: Run, cfg: DictConfig) -> Facts:
    """Recipe, software and device of the training."""
    shown_above = ("data", "images trained on", "number of patches", *(f"{split} images" for split in SPLITS))
    facts = {name: value for name, value in recipe(run, []).items() if name not in shown_above}
    sides = cfg.data.patch_size
    facts["patch size"] = f"{sides}" if isinstance(sides, int) else " x ".join(map(str, sides))
    facts["weight decay"] = str(cfg.optim.get("weight_decay", 0))
    facts["seed"] = str(run.seed)
    facts["checkpoint"] = _selection(run)
    versions = run.metrics.get("versions", {})
    facts["computed with"] = ", ".join(
        f"{name} {versions[name]}" for name in ("gequnet", "torch", "python") if versions.get(name)
    )
    facts["on"] = str(versions.get("device") or MISSING)
    commit = str(versions.get("commit") or MISSING)
    facts["commit of gequnet"] = commit.removesuffix("+") + (", with changes since" if commit.endswith("+") else "")
    facts["fingerprint of the recipe"] = str(run.metrics.get("fingerprint") or MISSING)
    return facts


def score_text(value: Any) -> str:
    """A score with four digits, or ``not defined``.

    >>> score_text(0.81234), score_text(None)
    ('0.8123', 'not defined')
    """
    return "not defined" if value is None or pd.isna(value) else f"{value:.4f}"


def _selection(run: Run) -> str:
    """Selection of the tested checkpoint."""
    dice = score_text((run.metrics.get("val_best") or {}).get("dice"))
    by = run.metrics.get("selected_by") or "val/dice"
    if by == "val/dice":
        return f"the one with the best validation Dice, {dice}"
    why = f"selected by {by}" if by != "last" else "the latest, as neither score nor loss could select one"
    return f"{why}; its validation Dice is {dice}"


def _threshold(cfg: DictConfig) -> str:
    if cfg.data.head == "softmax":
        return "none: the most probable class is taken"
    by = cfg.get("threshold_by")
    return f"{cfg.metrics.threshold:g}" + (f", of the best {by} on the validation images" if by else ", as given")
