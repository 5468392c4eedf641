"""Area under the precision-recall curve."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gequnet.metrics.curves import OperatingPoints, points_of_pixels


def pr_auc(
    preds: Float[Tensor, "*space"],
    target: Bool[Tensor, "*space"],
    valid: Bool[Tensor, "*space"] | None = None,
) -> Float[Tensor, ""]:
    """Area under the curve of precision against recall, as average precision.

    That is the sum over thresholds of precision times the gain in recall, ``sum (R_n - R_(n-1)) P_n``, which is not
    the trapezoidal area (that one is too kind). A prediction that knows nothing has the fraction of foreground.

    Args:
        preds: probabilities, of one image or of several side by side.
        target: true foreground.
        valid: the pixels that count; None: all of them.

    Returns:
        The area in float64; nan if all pixels are foreground, or none is.

    Example:
        >>> pr_auc(torch.tensor([0.1, 0.4, 0.35, 0.8]), torch.tensor([False, False, True, True]))
        tensor(0.8333, dtype=torch.float64)
    """
    if valid is not None:
        preds, target = preds[valid], target[valid]
    return pr_auc_of(points_of_pixels(preds.flatten(), target.flatten()))


def pr_auc_of(points: OperatingPoints) -> Float[Tensor, ""]:
    """The same, from the points of the curve."""
    found, alarms = points.true_positive.double(), points.false_positive.double()
    precision = found[1:] / (found[1:] + alarms[1:]).clamp(min=1)
    undefined = found[-1] * alarms[-1] == 0
    return torch.where(undefined, torch.nan, (found.diff() * precision).sum() / found[-1])
