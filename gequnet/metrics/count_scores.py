"""Scores that follow from numbers of right and wrong pixels: float64, one for each class that was counted."""

from jaxtyping import Float
from torch import Tensor

from gequnet.metrics.counts import Counts


def dice(counts: Counts) -> Float[Tensor, "..."]:
    """Dice coefficient ``2 TP / (2 TP + FP + FN)``, also called F1.

    An empty prediction of an empty target scores 1.
    """
    both = 2 * counts.true_positive
    return counts.ratio(both, both + counts.false_positive + counts.false_negative)


def iou(counts: Counts) -> Float[Tensor, "..."]:
    """Intersection over union ``TP / (TP + FP + FN)``, also called Jaccard index.

    An empty prediction of an empty target scores 1.
    """
    both = counts.true_positive
    return counts.ratio(both, both + counts.false_positive + counts.false_negative)


def accuracy(counts: Counts) -> Float[Tensor, "..."]:
    """Accuracy ``(TP + TN) / all``: the fraction of pixels that are right, of one class against the rest.

    Where foreground is rare it is high for an empty prediction: read it beside Dice.
    """
    right = counts.true_positive + counts.true_negative
    return counts.ratio(right, right + counts.false_positive + counts.false_negative)


def pixel_error(counts: Counts) -> Float[Tensor, "..."]:
    """Pixel error ``(FP + FN) / all``: the fraction of pixels that are wrong, 1 - accuracy; lower is better."""
    return 1 - accuracy(counts)


def sensitivity(counts: Counts) -> Float[Tensor, "..."]:
    """Sensitivity ``TP / (TP + FN)``, also called recall: the share of the true foreground that is found.

    For an empty target it is 1 if the prediction is empty, else 0.
    """
    return counts.ratio(counts.true_positive, counts.true_positive + counts.false_negative)


def specificity(counts: Counts) -> Float[Tensor, "..."]:
    """Specificity ``TN / (TN + FP)``: the share of the true background that is predicted as background.

    For a target that is all foreground it is 1 if all of it is found, else 0.
    """
    return counts.ratio(counts.true_negative, counts.true_negative + counts.false_positive)


def precision(counts: Counts) -> Float[Tensor, "..."]:
    """Precision ``TP / (TP + FP)``: the share of the predicted foreground that is true.

    For an empty prediction it is 1 if the target is empty, else 0.
    """
    return counts.ratio(counts.true_positive, counts.true_positive + counts.false_positive)


def balanced_accuracy(counts: Counts) -> Float[Tensor, "..."]:
    """Balanced accuracy: the mean of sensitivity and specificity, the accuracy if both classes were equally large.

    An empty prediction has 1/2, however rare the foreground is. For an empty target, sensitivity is 1 if the
    prediction is empty, else 0, as above; scikit-learn takes the specificity alone.
    """
    return (sensitivity(counts) + specificity(counts)) / 2
