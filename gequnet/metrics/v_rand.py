"""The Rand score of the ISBI 2012 challenge."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gequnet.metrics.partition import Overlaps, nothing_to_score, overlaps


def v_rand(
    preds: Bool[Tensor, "*space"], target: Bool[Tensor, "*space"], valid: Bool[Tensor, "*space"] | None = None
) -> Float[Tensor, ""]:
    r"""Foreground-restricted Rand score after border thinning: agreement of two partitions by pairs of pixels.

    With :math:`p_{ij}` the share of pixels in true cell i and predicted cell j, :math:`t_i` and :math:`s_j` those of
    the cells, :math:`\sum p_{ij}^2 / (\frac12 \sum s_j^2 + \frac12 \sum t_i^2)`: the harmonic mean of two
    probabilities, that two pixels of a predicted cell are in the same true one (else cells were merged), and that two
    pixels of a true cell are in the same predicted one (else it was split). 1 is perfect.

    The definition of cells, and the pixels that count, are in [`gequnet.metrics.partition`][]. As in the challenge a
    pixel is a pair with itself; scikit-image's ``adapted_rand_error`` leaves these pairs out, which changes little. A
    gap of one pixel in a membrane merges two cells, and costs as much as a missing membrane.

    An image that is all membrane scores 1 if the prediction is the same, else 0.

    Args:
        preds: predicted membrane, of two or three dimensions.
        target: true membrane.
        valid: the pixels that count; None: all of them.

    Returns:
        The score in float64; nan if no pixel is valid.

    References:
        Arganda-Carreras et al.: Crowdsourcing the creation of image segmentation algorithms for connectomics, Frontiers
        in Neuroanatomy 9:142, 2015.

    Example:
        >>> two = torch.tensor([[0, 0, 0, 1, 0, 0, 0]]).bool()
        >>> v_rand(torch.zeros_like(two), two)  # merged: half of the predicted pairs are true
        tensor(0.6667, dtype=torch.float64)
    """
    table = overlaps(preds, target, valid)
    return v_rand_of(table) if table.true.size else nothing_to_score(preds, target, valid)


def v_rand_of(table: Overlaps) -> Float[Tensor, ""]:
    """The same score from overlaps of cells, with at least one true cell."""
    both, true, predicted = (float((sizes**2).sum()) for sizes in table)
    return torch.tensor(2 * both / (true + predicted), dtype=torch.float64)
