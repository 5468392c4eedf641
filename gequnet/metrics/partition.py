"""Cells between predicted and true membranes, and their overlaps."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


class Overlaps(NamedTuple):
    """Sizes of true and predicted cells and of their intersections; only pixels in a true cell count.

    A pixel of a true cell on the line of a predicted membrane is a predicted cell of its own.

    Args:
        both: number of common pixels of each pair of cells that meet.
        true: number of pixels of each true cell.
        predicted: number of pixels of each predicted cell.
    """

    both: Float[np.ndarray, " pairs"]
    true: Float[np.ndarray, " true"]
    predicted: Float[np.ndarray, " predicted"]

    @classmethod
    def of(cls, predicted: Int[np.ndarray, "*space"], true: Int[np.ndarray, "*space"]) -> "Overlaps":
        """The overlaps of two maps that number the cells from 1 and have 0 elsewhere.

        >>> Overlaps.of(np.array([1, 1, 0, 2, 2, 0]), np.array([1, 1, 1, 1, 0, 0])).predicted.tolist()
        [2.0, 1.0, 1.0]
        """
        scored = true > 0
        predicted, true = predicted[scored], true[scored]
        pairs = np.stack([true, predicted])[:, predicted > 0]
        both = np.unique(pairs, axis=1, return_counts=True)[1]
        alone = np.ones(int((predicted == 0).sum()))
        sizes = _sizes(predicted[predicted > 0])
        return cls(np.concatenate([both, alone]), _sizes(true), np.concatenate([sizes, alone]))


def overlaps(
    preds: Bool[Tensor, "*space"], target: Bool[Tensor, "*space"], valid: Bool[Tensor, "*space"] | None = None
) -> Overlaps:
    """The overlaps of true cells and predicted cells, after the predicted membrane was thinned.

    This follows the official script of the ISBI 2012 challenge. The true cells are those between the true membranes as
    drawn. Pixels of true membrane are in no cell and not scored, so the position of the prediction inside a true
    membrane makes no difference. The predicted membrane is thinned to lines of one pixel, see
    [`gequnet.metrics.partition.thinned`][]; where such a line crosses a true cell, each of its pixels is a cell of its
    own.

    Args:
        preds: predicted membrane.
        target: true membrane.
        valid: the pixels that count; None: all of them. Pixels outside are neither cell nor membrane.

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
    """Number the cells between membranes inside a region, from 1; 0 elsewhere.

    Pixels that share a side belong together; pixels that share only a corner do not. So a diagonal membrane of one
    pixel separates two cells.
    """
    from skimage.measure import label

    numbered: np.ndarray = label(~membrane & inside, connectivity=1)
    return numbered


def thinned(numbered: Int[np.ndarray, "*space"], inside: Bool[np.ndarray, "*space"]) -> Int[np.ndarray, "*space"]:
    """Grow the cells until the membrane between them is a line of one pixel.

    It is the watershed of the mask, flooded from the cells at the same speed everywhere. No two cells merge and none is
    lost. A membrane that ends inside a cell, or is a speck, separates nothing and is flooded; a few in a thousand of
    the remaining pixels could be flooded, too. The middle of a membrane with an even width lies between two pixels, and
    either is taken: in a rotated image it may be the other one.

    A skeleton does not work: that of scikit-image retracts from the border of the image, where many cells of a
    micrograph end, and opens them. Of the 136 cells of the first slice of ISBI 2012 it leaves 113.

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
    """The score of an image without a true cell: 1 if the masks are equal, else 0; nan if no pixel is valid."""
    right = (preds == target) if valid is None else (preds == target)[valid]
    return right.all().cpu().double() if right.numel() else torch.tensor(torch.nan, dtype=torch.float64)


def _sizes(numbers: Int[np.ndarray, " n"]) -> Float[np.ndarray, " cells"]:
    return np.unique(numbers, return_counts=True)[1].astype(np.float64)
