"""Centreline Dice."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def cldice(
    preds: Bool[Tensor, "*space"], target: Bool[Tensor, "*space"], valid: Bool[Tensor, "*space"] | None = None
) -> Float[Tensor, ""]:
    """Centreline Dice: the harmonic mean of the shares of each skeleton that lie inside the other mask.

    With S the skeleton of a mask V: precision ``|S_preds and V_target| / |S_preds|``, sensitivity
    ``|S_target and V_preds| / |S_target|``, clDice ``2 precision sensitivity / (precision + sensitivity)``. Vessels
    count by length: a missed thin vessel costs as much as a missed thick one, and a gap costs little. Two empty masks
    score 1, one empty mask 0.

    The masks are cut to ``valid`` before they are thinned: pixels outside have no influence, but where ``valid`` cuts
    through a thick structure, the skeleton follows the cut. Skeletons are those of scikit-image (in the plane Zhang
    and Suen 1984, in space Lee et al. 1994) and commute with quarter turns only up to a pixel.

    Args:
        preds: predicted foreground, of two or three dimensions.
        target: true foreground.
        valid: the pixels that count; None: all of them.

    Returns:
        The score in float64; nan if no pixel is valid.

    References:
        Shit et al.: clDice, a topology-preserving loss function for tubular structure segmentation
        (arXiv:2003.07311).

    Example:
        >>> line = torch.zeros(9, 9, dtype=torch.bool)
        >>> line[4] = True
        >>> thick = line.roll(1, 0) | line | line.roll(-1, 0)
        >>> cldice(line, thick)  # not 1: at its ends the skeleton of the thick line bends to the corners
        tensor(0.9333, dtype=torch.float64)
    """
    if valid is not None:
        preds, target = preds & valid, target & valid
    if valid is not None and not valid.any():
        return torch.tensor(torch.nan, dtype=torch.float64)
    if not (preds.any() and target.any()):
        return (preds == target).all().double()
    precision = _share(_skeleton(preds), target)
    sensitivity = _share(_skeleton(target), preds)
    return 2 * precision * sensitivity / (precision + sensitivity).clamp(min=torch.finfo(torch.float64).tiny)


def _skeleton(mask: Bool[Tensor, "*space"]) -> Bool[Tensor, "*space"]:
    from skimage.morphology import skeletonize

    # Thinning the bounding box gives the same skeleton and is forty times faster for a tumour in a head.
    box = tuple(slice(int(axis.min()), int(axis.max()) + 1) for axis in mask.nonzero().unbind(1))
    skeleton = torch.zeros_like(mask)
    skeleton[box] = torch.from_numpy(skeletonize(mask[box].cpu().numpy())).bool().to(mask.device)
    # Thinning in space deletes a single cube of eight voxels: it is its own skeleton here.
    return skeleton if skeleton.any() else mask


def _share(skeleton: Bool[Tensor, "*space"], mask: Bool[Tensor, "*space"]) -> Float[Tensor, ""]:
    return (skeleton & mask).sum().double() / skeleton.sum()
