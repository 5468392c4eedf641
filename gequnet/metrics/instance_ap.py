"""Average precision of objects, at ten thresholds of overlap."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

TWENTIETHS = range(10, 20)
THRESHOLDS = [n / 20 for n in TWENTIETHS]
"""Overlaps .5, .55, ..., .95."""


class ObjectOverlaps(NamedTuple):
    """Overlaps of predicted and true objects in one image.

    Args:
        intersection: number of common pixels of each pair of objects that meet.
        union: number of pixels in either object of each pair.
        predicted: number of predicted objects.
        true: number of true objects.
        pixels: number of valid pixels.
    """

    intersection: Int[np.ndarray, " pairs"]
    union: Int[np.ndarray, " pairs"]
    predicted: int
    true: int
    pixels: int

    def precision(self, twentieths: int) -> float:
        """``TP / (TP + FP + FN)`` of objects whose overlap is greater than ``twentieths / 20``.

        It is 1 if there are no objects at all, and nan if no pixel is valid. Whole numbers are compared, so an overlap
        that is exactly the threshold is seen as exactly that, and is no match.
        """
        if not self.pixels:
            return float("nan")
        hits = int((20 * self.intersection > twentieths * self.union).sum())
        # TP + FP + FN: all predicted objects, and the true ones that were not found.
        objects = self.predicted + self.true - hits
        return hits / objects if objects else 1.0


def object_overlaps(
    preds: Bool[Tensor, "*space"], instances: Int[Tensor, "*space"], valid: Bool[Tensor, "*space"] | None = None
) -> ObjectOverlaps:
    """Compare the components of a predicted foreground with the true objects of one image.

    The predicted objects are the connected components of the predicted foreground; pixels that share a corner belong
    together (8 neighbours in the plane, 26 in space). Objects are cut to ``valid``, and one of which nothing is left
    does not count.

    Args:
        preds: predicted foreground, in the plane or in space.
        instances: 0 for background, one number for each object; other numbers may be missing.
        valid: the pixels that count; None: all of them.
    """
    if valid is not None:
        preds, instances = preds & valid, torch.where(valid, instances, 0)
    components, true = _components(preds), instances.cpu().numpy()
    sizes, true_sizes = np.bincount(components.ravel()), np.bincount(true.ravel())
    both = (components > 0) & (true > 0)
    pairs, intersection = np.unique(np.stack([components[both], true[both]]), axis=1, return_counts=True)
    union = sizes[pairs[0]] + true_sizes[pairs[1]] - intersection
    counts = int(np.count_nonzero(sizes[1:])), int(np.count_nonzero(true_sizes[1:]))
    return ObjectOverlaps(intersection, union, *counts, preds.numel() if valid is None else int(valid.sum()))


def instance_ap(
    preds: Bool[Tensor, "*space"], instances: Int[Tensor, "*space"], valid: Bool[Tensor, "*space"] | None = None
) -> Float[Tensor, "10"]:
    """Precision of objects, ``TP / (TP + FP + FN)``, at each of ``THRESHOLDS``, as in the 2018 Data Science Bowl.

    Its mean over thresholds is the average precision of an image. A true object is found, and counts as TP, if its
    intersection over union with a predicted one is greater than the threshold; the objects are those of
    [`gequnet.metrics.instance_ap.object_overlaps`][]. Objects of either kind are disjoint, so nothing can match twice
    above one half: there is nothing to assign, and the score is exact.

    An image without objects scores 1 if none are predicted and 0 otherwise. Perfect foreground in which objects touch
    does not score 1: components join them.

    Args:
        preds: predicted foreground, in the plane or in space.
        instances: 0 for background, one number for each object; other numbers may be missing.
        valid: the pixels that count; None: all of them.

    Returns:
        The precision at each threshold, float64 on the CPU; nan if no pixel is valid.

    References:
        Caicedo et al.: Nucleus segmentation across imaging experiments: the 2018 Data Science Bowl, Nature Methods 16,
        2019.

    Example:
        >>> instances = torch.tensor([[1, 1, 1, 1, 0, 2]])
        >>> instance_ap(torch.tensor([[True, True, True, False, False, True]]), instances)[[0, 5]]
        tensor([1.0000, 0.3333], dtype=torch.float64)
    """
    return _precisions(object_overlaps(preds, instances, valid))


def mean_precision(objects: ObjectOverlaps) -> Float[Tensor, ""]:
    """Average precision: the mean over ``THRESHOLDS``."""
    return _precisions(objects).mean()


def precision_at_50(objects: ObjectOverlaps) -> Float[Tensor, ""]:
    """Precision of objects at an overlap of .5."""
    return torch.tensor(objects.precision(10), dtype=torch.float64)


def precision_at_75(objects: ObjectOverlaps) -> Float[Tensor, ""]:
    """Precision of objects at an overlap of .75."""
    return torch.tensor(objects.precision(15), dtype=torch.float64)


def _precisions(objects: ObjectOverlaps) -> Float[Tensor, "10"]:
    return torch.tensor([objects.precision(n) for n in TWENTIETHS], dtype=torch.float64)


def _components(preds: Bool[Tensor, "*space"]) -> np.ndarray:
    from skimage.measure import label

    components: np.ndarray = label(preds.cpu().numpy(), connectivity=preds.ndim)
    return components
