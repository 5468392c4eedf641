"""Mean absolute error of the probabilities."""

from gequnet.losses import SegmentationLoss
from gequnet.losses.base import mean_over_valid


class AbsoluteErrorLoss(SegmentationLoss):
    """Mean absolute error of the probabilities of sigmoids, over the valid pixels."""

    heads = ("sigmoid",)
    weighted = True

    def value(self, logits, target, valid, weight=None):
        """The loss of logits [B, K, *space], given the classes of each pixel as booleans of the same shape."""
        error = (logits.sigmoid() - target.to(logits)).abs()
        return mean_over_valid(error, valid, self.class_weights, weight, self.share)
