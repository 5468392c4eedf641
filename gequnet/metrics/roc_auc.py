"""Area under the ROC curve."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gequnet.metrics.curves import OperatingPoints, points_of_pixels


def roc_auc(
    preds: Float[Tensor, "*space"],
    target: Bool[Tensor, "*space"],
    valid: Bool[Tensor, "*space"] | None = None,
) -> Float[Tensor, ""]:
    """Area under the curve of sensitivity against false alarms: how well probabilities order the pixels.

    It is the probability that a foreground pixel has a higher value than a background pixel, ties counting half.

    Args:
        preds: probabilities, of one image or of several side by side.
        target: true foreground.
        valid: the pixels that count; None: all of them.

    Returns:
        The area in float64; nan if all pixels are foreground, or none is.

    Example:
        >>> roc_auc(torch.tensor([0.1, 0.4, 0.35, 0.8]), torch.tensor([False, False, True, True]))
        tensor(0.7500, dtype=torch.float64)
    """
    if valid is not None:
        preds, target = preds[valid], target[valid]
    return roc_auc_of(points_of_pixels(preds.flatten(), target.flatten()))


def roc_auc_of(points: OperatingPoints) -> Float[Tensor, ""]:
    """The same, from the points of the curve."""
    found, alarms = points.true_positive.double(), points.false_positive.double()
    area: Tensor = torch.trapezoid(found, alarms) / (found[-1] * alarms[-1])
    return area
