"""Small data modules of conf/data."""

from omegaconf import OmegaConf

from gequnet.config.build import build
from helpers.repository import CONF


def module(name="phantom_vessels", augment="flips", root="nowhere", seed=0, **changes):
    """Data module of conf/data with small phantoms and a short epoch."""
    base, own = (OmegaConf.load(CONF / "data" / f"{part}.yaml") for part in ("base/module", name))
    data = OmegaConf.merge(base, own.get("data", own))
    data.pop("defaults", None)
    if name == "phantom_vessels":
        data.source.update(size=48, num_images={"train": 3, "val": 2, "test": 2})
    data.update({"patch_size": 32, "patches_per_epoch": 12, "batch_size": 4, **changes})
    cfg = OmegaConf.create(
        {
            "data": data,
            "augment": OmegaConf.load(CONF / "augment" / f"{augment}.yaml"),
            "paths": {"data": str(root), "cache": None},
            "seed": seed,
        }
    )
    return build(cfg.data)


def samples(loader):
    """All samples of one epoch, by key order: (id, image, mask, valid)."""
    return [
        (batch["id"][n], batch["image"][n], batch["mask"][n], batch["valid"][n])
        for batch in loader
        for n in range(len(batch["id"]))
    ]
