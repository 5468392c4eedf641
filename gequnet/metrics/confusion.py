"""Confusion matrices: numbers of pixels by true and by predicted class."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from gequnet.heads import check_head, predicted_classes, probabilities, target_classes
from gequnet.metrics.counts import count
from gequnet.metrics.per_image_table import decoded, encoded


class ConfusionMatrices(Metric):
    """Numbers of pixels [truth, predicted] inside ``valid``, of all images together.

    Classes that exclude each other have one matrix, K by K. Regions that may overlap have one each, 2 by 2: outside
    and inside. A label that is not a class is left out.

    Under distributed data parallelism the numbers are those of all ranks together, and an image that the sampler
    repeats counts once.

    Args:
        num_classes: the number K of logits.
        head: ``sigmoid`` or ``softmax``.

    Example:
        >>> confusion = ConfusionMatrices(1, "sigmoid")
        >>> mask = torch.tensor([[[1, 1, 0]]])
        >>> confusion.update(torch.tensor([[[[2.0, -1.0, -3.0]]]]), mask, mask > -1, ["left"], threshold=0.5)
        >>> confusion.compute().tolist()
        [[[1, 0], [1, 1]]]
    """

    is_differentiable = False
    full_state_update = False

    matrices: list[Tensor]
    ids: list[Tensor]

    def __init__(self, num_classes: int, head: str) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.head = check_head(head)
        for state in ("matrices", "ids"):
            self.add_state(state, default=[], dist_reduce_fx="cat")

    def update(
        self,
        logits: Float[Tensor, "b k *space"],
        mask: Int[Tensor, "b *space"] | Int[Tensor, "b k *space"],
        valid: Bool[Tensor, "b *space"],
        ids: Sequence[str],
        threshold: float,
    ) -> None:
        """Count the pixels of some images.

        Args:
            logits: output of the network.
            mask: true labels, as in [`gequnet.heads.target_classes`][].
            valid: the pixels that count.
            ids: names of the images.
            threshold: a sigmoid above it is inside.
        """
        preds = predicted_classes(probabilities(logits, self.head), self.head, threshold)
        target = target_classes(logits, mask, self.head)
        for image, name in enumerate(ids):
            counts = exclusive if self.head == "softmax" else overlapping
            self.matrices.append(counts(preds[image], target[image], valid[image]).unsqueeze(0))
            self.ids.append(encoded(name).to(self.device))

    def compute(self) -> Int[Tensor, "matrix k k"]:
        """The sum over images, each counted once."""
        names, matrices = decoded(dim_zero_cat(self.ids)), dim_zero_cat(self.matrices)
        once = {name: row for row, name in reversed(list(enumerate(names)))}
        total: Tensor = matrices[list(once.values())].sum(0)
        return total


def exclusive(
    preds: Bool[Tensor, "k *space"], target: Bool[Tensor, "k *space"], valid: Bool[Tensor, "*space"]
) -> Int[Tensor, "1 k k"]:
    """The matrix of one image whose pixels belong to one class each."""
    classes, inside = len(preds), valid & target.any(0)
    # as integers: not every device has the argmax of booleans
    pairs = classes * target.byte().argmax(0)[inside] + preds.byte().argmax(0)[inside]
    return torch.bincount(pairs, minlength=classes**2).view(1, classes, classes)


def overlapping(
    preds: Bool[Tensor, "k *space"], target: Bool[Tensor, "k *space"], valid: Bool[Tensor, "*space"]
) -> Int[Tensor, "k 2 2"]:
    """The matrices of one image, one for each region."""
    counts = count(preds, target, valid)
    outside = torch.stack([counts.true_negative, counts.false_positive], -1)
    inside = torch.stack([counts.false_negative, counts.true_positive], -1)
    return torch.stack([outside, inside], -2)
