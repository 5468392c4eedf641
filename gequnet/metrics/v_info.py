"""The information theoretic score of the ISBI 2012 challenge."""

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gequnet.metrics.partition import Overlaps, nothing_to_score, overlaps


def v_info(
    preds: Bool[Tensor, "*space"], target: Bool[Tensor, "*space"], valid: Bool[Tensor, "*space"] | None = None
) -> Float[Tensor, ""]:
    """Foreground-restricted information theoretic score after border thinning.

    With S the predicted cell that a random pixel lies in, T the true one, H their entropies and I their mutual
    information, ``I(S; T) / (H(S) / 2 + H(T) / 2)``: the harmonic mean of I / H(S), lower where cells were split, and
    I / H(T), lower where they were merged. 1 is perfect. Large cells weigh less here than in ``v_rand``.

    The definition of cells, and the pixels that count, are in [`gequnet.metrics.partition`][]. A single true cell has
    entropy 0: it scores 1 if it is predicted as one cell, and 0 after any cut, however small. An image that is all
    membrane scores 1 if the prediction is the same, else 0.

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
        >>> two = torch.tensor([[0, 0, 1, 0, 0]]).bool()
        >>> four = torch.tensor([[1, 0, 1, 0, 1]]).bool()  # as lines they are those of `two`
        >>> v_info(torch.zeros_like(two), two), v_info(four, two)
        (tensor(0., dtype=torch.float64), tensor(1., dtype=torch.float64))
    """
    table = overlaps(preds, target, valid)
    return v_info_of(table) if table.true.size else nothing_to_score(preds, target, valid)


def v_info_of(table: Overlaps) -> Float[Tensor, ""]:
    """The same score from overlaps of cells, with at least one true cell."""
    both, true, predicted = (_entropy(sizes) for sizes in table)
    whole = true + predicted
    return torch.tensor(2 * (whole - both) / whole if whole else 1.0, dtype=torch.float64)


def _entropy(sizes: Float[np.ndarray, " n"]) -> float:
    shares = sizes / sizes.sum()
    return float(-(shares * np.log(shares)).sum())
