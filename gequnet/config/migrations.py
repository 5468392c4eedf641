"""Configurations of older versions, read as today's: classes by their new names."""

from collections.abc import Callable
from typing import Any

TARGETS = {
    "gequnet.callbacks.gradients.GatheredGradients": "gequnet.callbacks.accumulated_gradients.GatheredGradients",
    "gequnet.callbacks.pictures.Pictures": "gequnet.callbacks.log_images.LogImages",
    "gequnet.callbacks.unlabelled.Unlabelled": "gequnet.callbacks.unlabelled_images.UnlabelledImages",
    "gequnet.finetune.Finetune": "gequnet.train.finetune.Finetune",
    "gequnet.nets.orbit_average.OrbitAverage": "gequnet.inference.test_time_augmentation.OrbitAverage",
    "gequnet.schedules.constant": "gequnet.train.schedules.constant",
    "gequnet.schedules.cosine": "gequnet.train.schedules.cosine",
    "gequnet.schedules.cyclic": "gequnet.train.schedules.cyclic",
    "gequnet.schedules.exponential": "gequnet.train.schedules.exponential",
    "gequnet.schedules.plateau": "gequnet.train.schedules.plateau",
    "gequnet.schedules.step": "gequnet.train.schedules.step",
}
"""What version 0.1.0 called a class or function in ``_target_``, and what it is called now."""

FIRST_NAMES = {new: old for old, new in TARGETS.items()}


def upgraded(node: Any) -> Any:
    """A configuration, as plain dicts and lists, with every ``_target_`` by today's name.

    >>> upgraded({"tta": {"_target_": "gequnet.nets.orbit_average.OrbitAverage", "group": "c4"}})["tta"]["_target_"]
    'gequnet.inference.test_time_augmentation.OrbitAverage'
    """
    return _with_targets(node, lambda target: TARGETS.get(target, target))


def first_form(node: Any) -> Any:
    """The inverse of ``upgraded``: a configuration as version 0.1.0 wrote it, so that its hash stays what it was."""
    return _with_targets(node, lambda target: FIRST_NAMES.get(target, target))


def _with_targets(node: Any, name: Callable[[str], str]) -> Any:
    if isinstance(node, dict):
        return {key: name(value) if key == "_target_" else _with_targets(value, name) for key, value in node.items()}
    return [_with_targets(value, name) for value in node] if isinstance(node, list) else node
