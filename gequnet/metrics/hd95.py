"""The 95th percentile of the Hausdorff distance."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gequnet.metrics.surfaces import Bodies, nothing_valid

PERCENTILE = 95


def hd95(
    preds: Bool[Tensor, "*space"],
    target: Bool[Tensor, "*space"],
    valid: Bool[Tensor, "*space"] | None = None,
    spacing: Float[Tensor, " dims"] | Sequence[float] | None = None,
) -> Float[Tensor, ""]:
    """How far apart two surfaces are, but for the worst twentieth of each; lower is better.

    The distance of each surface voxel to the nearest one of the other surface has a 95th percentile, in either
    direction; the larger of the two is returned (tools that pool both directions first say less). A surface voxel lies
    in the body and has a neighbour, across a face, that does not; what lies beyond the image, or outside ``valid``,
    does not. MONAI computes it.

    Two empty masks are 0 apart. Where one alone is empty there is no distance, and a network must not gain by
    predicting nothing: it is the diagonal of the image, as in the BraTS challenge (373.13 mm there).

    Args:
        preds: predicted foreground, of two or three dimensions.
        target: true foreground.
        valid: the pixels that count; None: all of them.
        spacing: length of a voxel along each axis, in mm; None: one each, lengths in pixels.

    Returns:
        The distance in float64, in the unit of ``spacing``; nan if no pixel is valid.

    Raises:
        ConfigError: the spacing does not fit.

    References:
        Menze et al.: The multimodal brain tumor image segmentation benchmark (BRATS), IEEE TMI 34 (2015).

    Example:
        >>> box = torch.zeros(9, 9, 9, dtype=torch.bool)
        >>> box[2:6, 2:6, 2:6] = True
        >>> hd95(box.roll(2, 0), box, spacing=[1.5, 1.0, 1.0])
        tensor(3., dtype=torch.float64)
    """
    if nothing_valid(valid):
        return torch.tensor(torch.nan, dtype=torch.float64)
    bodies = Bodies.of(preds, target, valid, spacing)
    found, wanted = bool(bodies.preds.any()), bool(bodies.target.any())
    if not (found and wanted):
        return torch.tensor(bodies.diagonal if found or wanted else 0.0, dtype=torch.float64)
    from monai.metrics import compute_hausdorff_distance  # takes three seconds

    return bodies.judged_by(compute_hausdorff_distance, percentile=PERCENTILE)
