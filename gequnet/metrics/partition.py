"""Two masks of membranes as two partitions of the pixels into cells, and how these overlap."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


class Overlaps(NamedTuple):
    """How many pixels true and predicted cells have, and have in common; of the pixels that lie in a true cell.

    A pixel of a true cell on the line of a predicted membrane is a predicted cell of its own.

    Args:
        both: of each pair of cells that meet.
        true: of each true cell.
        predicted: of each predicted cell.
    """

    both: Float[np.ndarray, " pairs"]
    true: Float[np.ndarray, " true"]
    predicted: Float[np.ndarray, " predicted"]

    @classmethod
    def of(cls, predicted: Int[np.ndarray, "*space"], true: Int[np.ndarray, "*space"]) -> "Overlaps":
        """The table of two maps that number the cells from 1 and have 0 where there is none.

        >>> Overlaps.of(np.array([1, 1, 0, 2, 2, 0]), np.array([1, 1, 1, 1, 0, 0])).predicted.tolist()
        [2.0, 1.0, 1.0]
        """
        scored = true > 0
        predicted, true = predicted[scored], true[scored]
        pairs = np.stack([true, predicted])[:, predicted > 0]
        both = np.unique(pairs, axis=1, return_counts=True)[1]
        alone = np.ones(int((predicted == 0).sum()))
        found = _sizes(predicted[predicted > 0])
        return cls(np.concatenate([both, alone]), _sizes(true), np.concatenate([found, alone]))


def overlaps(
    preds: Bool[Tensor, "*space"], target: Bool[Tensor, "*space"], valid: Bool[Tensor, "*space"] | None = None
) -> Overlaps:
    """The table of predicted and true membranes, after what is predicted was thinned.

    As the official script of the ISBI 2012 challenge has it: the true cells are those of the truth as it was drawn, and
    pixels of true membrane are in no cell and not scored: where the prediction runs inside of it makes no difference.
    The predicted membrane is thinned to lines of one pixel, see [`gequnet.metrics.partition.thinned`][], and where such
    a line crosses a true cell each of its pixels counts as a cell by itself.

    Args:
        preds: predicted membrane.
        target: true membrane.
        valid: the pixels that count; None: all of them. What lies outside is neither cell nor membrane.

    Example:
        >>> target = torch.tensor([[0, 0, 0, 1, 0, 0, 0]] * 2).bool()
        >>> overlaps(torch.zeros_like(target), target).predicted.tolist()  # no membrane: both cells are one
        [12.0]
        >>> thick = torch.tensor([[0, 0, 1, 1, 1, 0, 0]] * 2).bool()
        >>> overlaps(thick, target).predicted.tolist()
        [6.0, 6.0]
    """
    inside = np.ones(tuple(target.shape), dtype=bool) if valid is None else valid.cpu().numpy()
    predicted, true = (cells(membrane.cpu().numpy(), inside) for membrane in (preds, target))
    return Overlaps.of(thinned(predicted, inside), true)


def cells(membrane: Bool[np.ndarray, "*space"], inside: Bool[np.ndarray, "*space"]) -> Int[np.ndarray, "*space"]:
    """Numbers the pieces into which a membrane cuts what is inside, from 1; 0 elsewhere.

    Pixels that share a side belong together. Those that share a corner only do not: a membrane of one pixel, which may
    well run diagonally, is tight.
    """
    from skimage.measure import label

    numbered: np.ndarray = label(~membrane & inside, connectivity=1)
    return numbered


def thinned(numbered: Int[np.ndarray, "*space"], inside: Bool[np.ndarray, "*space"]) -> Int[np.ndarray, "*space"]:
    """The cells, grown until lines of one pixel are all that is left of the membrane between them.

    It is the watershed of the mask, flooded from the cells at the same pace everywhere. No two cells merge and none is
    lost. A membrane that ends blindly, or is a speck, separates nothing and is flooded; a few in a thousand of the
    pixels that are left could be flooded, too. The middle of a membrane that is an even number of pixels wide lies
    between two of them, and either is taken: in an image that is turned it may be the other one.

    A skeleton does not do: scikit-image's retracts from the border of the image, where many cells of a micrograph end,
    and opens them. Of the 136 cells of the first slice of ISBI 2012 it leaves 113.

    >>> thinned(np.array([[1, 0, 0, 0, 2]]), np.ones((1, 5), dtype=bool)).tolist()
    [[1, 1, 0, 2, 2]]
    """
    from skimage.segmentation import watershed

    if not numbered.any():
        return numbered
    level = np.zeros(numbered.shape, dtype=np.uint8)
    lines: np.ndarray = watershed(level, numbered, connectivity=1, mask=inside, watershed_line=True)
    return lines


def nothing_to_score(
    preds: Bool[Tensor, "*space"], target: Bool[Tensor, "*space"], valid: Bool[Tensor, "*space"] | None
) -> Float[Tensor, ""]:
    """The score of an image without a true cell: 1 if the masks are the same, 0 else; nan if no pixel is valid."""
    right = (preds == target) if valid is None else (preds == target)[valid]
    return right.all().cpu().double() if right.numel() else torch.tensor(torch.nan, dtype=torch.float64)


def _sizes(numbers: Int[np.ndarray, " n"]) -> Float[np.ndarray, " cells"]:
    return np.unique(numbers, return_counts=True)[1].astype(np.float64)
