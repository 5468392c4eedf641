"""Average precision of objects, at ten thresholds of overlap."""

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

TWENTIETHS = range(10, 20)
THRESHOLDS = [n / 20 for n in TWENTIETHS]
"""Overlaps .5, .55, ..., .95."""

INSTANCE_SCORES = ("instance_ap", "instance_ap50", "instance_ap75")


def instance_ap(
    preds: Bool[Tensor, "*space"], instances: Int[Tensor, "*space"], valid: Bool[Tensor, "*space"] | None = None
) -> Float[Tensor, "10"]:
    """Precision of objects, ``TP / (TP + FP + FN)``, at each of ``THRESHOLDS``, as the 2018 Data Science Bowl has it.

    Its mean over thresholds is the average precision of an image. The predicted objects are the connected components
    of the predicted foreground; pixels that share a corner belong together (8 neighbours in the plane, 26 in space).
    A true object is found, and counts as TP, if its intersection over union with a predicted one is greater than the
    threshold. Objects of either kind are disjoint, so nothing can match twice above one half: there is nothing to
    assign, and the score is exact. An overlap that is exactly one half, or another threshold, is no match, and is
    seen as exactly that, because whole numbers are compared.

    An image without objects scores 1 if none are predicted and 0 else. Objects are cut to ``valid``, and one of which
    nothing is left does not count. Perfect foreground in which objects touch does not score 1: components join them.

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
    if valid is not None:
        preds, instances = preds & valid, torch.where(valid, instances, 0)
    if valid is not None and not valid.any():
        return torch.full((len(THRESHOLDS),), torch.nan, dtype=torch.float64)
    intersection, union, predicted, true = _overlaps(_components(preds), instances.cpu().numpy())
    found = [int((20 * intersection > n * union).sum()) for n in TWENTIETHS]
    # TP + FP + FN: all predicted objects, and those true ones that were not found.
    precisions = [_ratio(hits, predicted + true - hits) for hits in found]
    return torch.tensor(precisions, dtype=torch.float64)


def instance_scores(precisions: Float[Tensor, "10"]) -> Float[Tensor, "3"]:
    """The mean over all thresholds, the precision at .5 and that at .75: ``INSTANCE_SCORES``."""
    return torch.stack([precisions.mean(), precisions[0], precisions[THRESHOLDS.index(0.75)]])


def _components(preds: Bool[Tensor, "*space"]) -> np.ndarray:
    from skimage.measure import label

    components: np.ndarray = label(preds.cpu().numpy(), connectivity=preds.ndim)
    return components


def _overlaps(components: np.ndarray, instances: np.ndarray) -> tuple[np.ndarray, np.ndarray, int, int]:
    """Pixels in common and in either, for each pair of objects that meet, and how many objects there are."""
    predicted, true = np.bincount(components.ravel()), np.bincount(instances.ravel())
    both = (components > 0) & (instances > 0)
    pairs, intersection = np.unique(np.stack([components[both], instances[both]]), axis=1, return_counts=True)
    union = predicted[pairs[0]] + true[pairs[1]] - intersection
    return intersection, union, int(np.count_nonzero(predicted[1:])), int(np.count_nonzero(true[1:]))


def _ratio(found: int, objects: int) -> float:
    return found / objects if objects else 1.0
