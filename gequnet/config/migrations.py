"""Configurations of version 0.1.0 in today's form and back: new names of classes, new places of values."""

import re
from collections.abc import Callable, Sequence
from typing import Any

TARGETS = {
    "gequnet.callbacks.confusion.Confusion": "gequnet.callbacks.Confusion",
    "gequnet.callbacks.contours.Contours": "gequnet.callbacks.Contours",
    "gequnet.callbacks.curves.Curves": "gequnet.callbacks.Curves",
    "gequnet.callbacks.equivariance.Equivariance": "gequnet.callbacks.Equivariance",
    "gequnet.callbacks.gradients.GatheredGradients": "gequnet.callbacks.GatheredGradients",
    "gequnet.callbacks.history.History": "gequnet.callbacks.History",
    "gequnet.callbacks.last_checkpoint.LastCheckpoint": "gequnet.callbacks.LastCheckpoint",
    "gequnet.callbacks.pictures.Pictures": "gequnet.callbacks.LogImages",
    "gequnet.callbacks.predictions.Predictions": "gequnet.callbacks.Predictions",
    "gequnet.callbacks.progress.progress_bar": "gequnet.callbacks.progress_bar",
    "gequnet.callbacks.random_state.RandomState": "gequnet.callbacks.RandomState",
    "gequnet.callbacks.second_observer.SecondObserver": "gequnet.callbacks.SecondObserver",
    "gequnet.callbacks.timing.Timing": "gequnet.callbacks.Timing",
    "gequnet.callbacks.unlabelled.Unlabelled": "gequnet.callbacks.UnlabelledImages",
    "gequnet.callbacks.volumes.Volumes": "gequnet.callbacks.Volumes",
    "gequnet.data.brats.Brats": "gequnet.data.Brats",
    "gequnet.data.camvid.CamVid": "gequnet.data.CamVid",
    "gequnet.data.cats.Cats": "gequnet.data.Cats",
    "gequnet.data.chase.Chase": "gequnet.data.Chase",
    "gequnet.data.datamodule.SegmentationDataModule": "gequnet.data.SegmentationDataModule",
    "gequnet.data.drive.Drive": "gequnet.data.Drive",
    "gequnet.data.dsb2018.Dsb2018": "gequnet.data.Dsb2018",
    "gequnet.data.hrf.Hrf": "gequnet.data.Hrf",
    "gequnet.data.isbi2012.Isbi2012": "gequnet.data.Isbi2012",
    "gequnet.data.msd.Msd": "gequnet.data.Msd",
    "gequnet.data.orientation_shift.OrientationShift": "gequnet.data.OrientationShift",
    "gequnet.data.paired_folder.PairedFolder": "gequnet.data.PairedFolder",
    "gequnet.data.phantom_tumours.PhantomTumours": "gequnet.data.PhantomTumours",
    "gequnet.data.phantom_vessels.PhantomVessels": "gequnet.data.PhantomVessels",
    "gequnet.data.prime_fp20.PrimeFp20": "gequnet.data.PrimeFp20",
    "gequnet.data.retina.Retina": "gequnet.data.Retina",
    "gequnet.data.stare.Stare": "gequnet.data.Stare",
    "gequnet.data.transforms.augment.Chain": "gequnet.data.transforms.Chain",
    "gequnet.data.transforms.augment.Flips": "gequnet.data.transforms.Flips",
    "gequnet.data.transforms.border_weights.BorderWeights": "gequnet.data.transforms.BorderWeights",
    "gequnet.data.transforms.colour.Colour": "gequnet.data.transforms.Colour",
    "gequnet.data.transforms.noise.Noise": "gequnet.data.transforms.Noise",
    "gequnet.data.transforms.warp.Warp": "gequnet.data.transforms.Warp",
    "gequnet.data.voc2012.Voc2012": "gequnet.data.Voc2012",
    "gequnet.finetune.Finetune": "gequnet.train.Finetune",
    "gequnet.losses.bce.BCELoss": "gequnet.losses.BCELoss",
    "gequnet.losses.cross_entropy.CrossEntropyLoss": "gequnet.losses.CrossEntropyLoss",
    "gequnet.losses.dice.DiceLoss": "gequnet.losses.DiceLoss",
    "gequnet.losses.dice_bce.DiceBCELoss": "gequnet.losses.DiceBCELoss",
    "gequnet.losses.dice_ce.DiceCELoss": "gequnet.losses.DiceCELoss",
    "gequnet.losses.focal.FocalLoss": "gequnet.losses.FocalLoss",
    "gequnet.losses.iou.IoULoss": "gequnet.losses.IoULoss",
    "gequnet.losses.mse.MSELoss": "gequnet.losses.MSELoss",
    "gequnet.losses.pixelwise_softmax.PixelwiseSoftmaxLoss": "gequnet.losses.PixelwiseSoftmaxLoss",
    "gequnet.losses.tversky.TverskyLoss": "gequnet.losses.TverskyLoss",
    "gequnet.metrics.segmentation.SegmentationMetrics": "gequnet.metrics.SegmentationMetrics",
    "gequnet.nets.e2unet.E2UNet": "gequnet.nets.E2UNet",
    "gequnet.nets.orbit_average.OrbitAverage": "gequnet.inference.OrbitAverage",
    "gequnet.nets.scale_unet.ScaleUNet": "gequnet.nets.ScaleUNet",
    "gequnet.nets.unet.UNet": "gequnet.nets.UNet",
    "gequnet.nets.width.BudgetWidth": "gequnet.nets.BudgetWidth",
    "gequnet.nets.width.ChannelWidth": "gequnet.nets.ChannelWidth",
    "gequnet.nets.width.FixedWidth": "gequnet.nets.FixedWidth",
    "gequnet.schedules.constant": "gequnet.train.constant_schedule",
    "gequnet.schedules.cosine": "gequnet.train.cosine_schedule",
    "gequnet.schedules.cyclic": "gequnet.train.cyclic_schedule",
    "gequnet.schedules.exponential": "gequnet.train.exponential_schedule",
    "gequnet.schedules.plateau": "gequnet.train.plateau_schedule",
    "gequnet.schedules.step": "gequnet.train.step_schedule",
    "gequnet.symmetry.gspace.PlaneGroup": "gequnet.symmetry.PlaneGroup",
    "gequnet.symmetry.scale_group.ScaleGroup": "gequnet.symmetry.ScaleGroup",
    "gequnet.tracking.wandb_run.WandbRun": "gequnet.tracking.WandbRun",
    "pytorch_lightning.callbacks.EarlyStopping": "gequnet.callbacks.EarlyStopping",
    "pytorch_lightning.callbacks.ModelCheckpoint": "gequnet.callbacks.BestCheckpoint",
}
"""Names of classes and functions in ``_target_``: of version 0.1.0 and of today."""

ADDED: dict[str, dict[str, Any]] = {
    "gequnet.data.Msd": {"nodata": None},
    "gequnet.data.PairedFolder": {"nodata": None},
    "gequnet.data.SegmentationDataModule": {"outside_weight": 0.0},
    "gequnet.metrics.SegmentationMetrics": {"extra_scores": {}},
}
"""Arguments that version 0.1.0 did not have, each with the value that changes nothing, by today's ``_target_``."""

FIRST_NAMES = {new: old for old, new in TARGETS.items()}

SCORING = ("surface", "tolerance_mm", "curve_bins", "partition", "background")
"""Values of the node ``scoring``, which version 0.1.0 had in the node ``data``."""

PICTURES = ("predictions.png", "contours.png", "confusion.png", "unlabelled.png", "curves.png")
"""Files in ``callbacks.pictures.paths`` of version 0.1.0; today null stands for all pictures."""


def upgraded(cfg: Any) -> dict[str, Any]:
    """A configuration, as plain dicts and lists, with every ``_target_`` and every value where they are today.

    The list of all pictures in ``callbacks.pictures.paths`` becomes null.

    >>> upgraded({"tta": {"_target_": "gequnet.nets.orbit_average.OrbitAverage", "group": "c4"}})["tta"]["_target_"]
    'gequnet.inference.OrbitAverage'
    >>> upgraded({"data": {"name": "brats", "surface": True}})
    {'data': {'name': 'brats'}, 'scoring': {'surface': True}}
    """
    new: dict[str, Any] = _with_targets(cfg, lambda target: TARGETS.get(target, target))
    if "data" in new and "scoring" not in new:
        new["scoring"] = {name: new["data"].pop(name) for name in SCORING if name in new["data"]}
    return _with_pictures(new, lambda paths: None if _all_pictures(paths) else paths)


def first_form(cfg: Any) -> dict[str, Any]:
    """The inverse of ``upgraded``: a configuration as version 0.1.0 wrote it, so that its hash stays what it was.

    Its paths are those of a run in the folder ``""``, as ``gequnet.runs.fingerprint`` resolves them.
    """
    old: dict[str, Any] = _with_targets(_without_added(cfg), lambda target: FIRST_NAMES.get(target, target))
    if "scoring" in old:
        old["data"] |= old.pop("scoring")
    return _with_pictures(old, lambda paths: [f"/{name}" for name in PICTURES] if paths is None else paths)


def current_words(words: Sequence[str]) -> list[str]:
    """Overrides, or names of values, with the names of today in place of those of version 0.1.0.

    >>> current_words(["data=brats", "data.surface=false", "+data.view=null"])
    ['data=brats', 'scoring.surface=false', '+data.view=null']
    """
    return [_FIRST_WORD.sub(r"\1scoring.\2", word) for word in words]


def first_words(words: Sequence[str]) -> list[str]:
    """The inverse of ``current_words``, so that a folder named after the words keeps its name."""
    return [_CURRENT_WORD.sub(r"\1data.\2", word) for word in words]


_FIRST_WORD, _CURRENT_WORD = (
    re.compile(rf"^([+~]*){node}\.({'|'.join(SCORING)})(?=$|=)") for node in ("data", "scoring")
)


def _without_added(node: Any) -> Any:
    if isinstance(node, dict):
        added = ADDED.get(str(node.get("_target_")), {})
        return {key: _without_added(value) for key, value in node.items() if key not in added or value != added[key]}
    return [_without_added(value) for value in node] if isinstance(node, list) else node


def _with_targets(node: Any, name: Callable[[str], str]) -> Any:
    if isinstance(node, dict):
        return {key: name(value) if key == "_target_" else _with_targets(value, name) for key, value in node.items()}
    return [_with_targets(value, name) for value in node] if isinstance(node, list) else node


def _with_pictures(node: Any, change: Callable[[Any], Any]) -> Any:
    """A configuration with another value of ``callbacks.pictures.paths``, if it has that callback."""
    pictures = node.get("callbacks", {}).get("pictures") if isinstance(node, dict) else None
    if not isinstance(pictures, dict):
        return node
    changed = pictures | {"paths": change(pictures.get("paths"))}
    return node | {"callbacks": node["callbacks"] | {"pictures": changed}}


def _all_pictures(paths: Any) -> bool:
    return isinstance(paths, list) and [str(path).rpartition("/")[2] for path in paths] == list(PICTURES)
