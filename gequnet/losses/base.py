"""Base class of all losses: its heads, weights of classes and pixels, and valid pixels."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from gequnet.distributed import Share, all_reduce_sum, local
from gequnet.errors import ConfigError
from gequnet.heads import HEADS, check_head, full_precision, target_classes


class SegmentationLoss(nn.Module, ABC):
    """Segmentation loss, a scalar: ``loss(logits, mask, valid)``. Pixels outside ``valid`` do not count.

    Computed in float32 for any precision of the logits, also under autocast (float64 stays float64). A batch without a
    valid pixel has loss 0 and gradient 0.

    In training mode the loss is that of the batch of all processes together. Each process gets the same loss, and the
    mean of their gradients is the gradient. In eval mode, where processes may have different numbers of images, it is
    the loss of the batch of this process.

    Args:
        head: ``sigmoid`` (one logit, or overlapping regions) or ``softmax``.
        class_weights: one number for each of the K logits, background included; the loss of class k counts
            ``class_weights[k]`` times, relative to the others. None: all classes count the same.

    Raises:
        ConfigError: there is no such head, this loss does not fit it, or the weights are not valid.
    """

    heads: ClassVar[tuple[str, ...]] = HEADS
    weighted: ClassVar[bool] = False
    """True if ``value`` takes a ``weight`` for each pixel: means over pixels do, quotients of sums do not."""

    class_weights: Tensor | None

    def __init__(self, head: str, class_weights: Sequence[float] | None = None) -> None:
        super().__init__()
        self.head = check_head(head)
        if head not in self.heads:
            raise ConfigError(self._refusal())
        weights = None if class_weights is None else torch.tensor(class_weights, dtype=torch.float32)
        if weights is not None and not (weights.ndim == 1 and (weights >= 0).all() and weights.sum() > 0):
            raise ConfigError(f"loss.class_weights={class_weights} must be K numbers, none below 0, not all 0.")
        # A buffer moves to the device of the loss. It is not persistent, as it is not learned.
        self.register_buffer("class_weights", weights, persistent=False)

    @property
    def share(self) -> Share:
        """Function that turns sums over the pixels of this process into sums over all pixels of the loss."""
        return all_reduce_sum if self.training else local

    def _refusal(self) -> str:
        what = "one logit, or overlapping regions" if self.head == "sigmoid" else "classes that exclude each other"
        return (
            f"{type(self).__name__} does not fit head={self.head} ({what}), "
            f"only head={', '.join(self.heads)}: choose another loss; loss=dice_ce fits every head."
        )

    def forward(
        self,
        logits: Float[Tensor, "b k *space"],
        mask: Int[Tensor, "b *space"] | Int[Tensor, "b k *space"],
        valid: Bool[Tensor, "b *space"],
        weight: Float[Tensor, "b *space"] | None = None,
    ) -> Float[Tensor, ""]:
        """Loss of a batch.

        Args:
            logits: output of the network, any float type.
            mask: class indices, or K masks of 0 and 1. Under a softmax a pixel with a label that is not a class (for
                example 255) counts as not valid.
            valid: the pixels that count.
            weight: weight of each pixel. The loss of a pixel is multiplied by it, and the sum is divided by the number
                of pixels: twice the weight everywhere is twice the loss.

        Raises:
            ConfigError: mask, head or class weights do not fit K logits, or this loss does not take weights of pixels.
        """
        if weight is not None and not self.weighted:
            raise ConfigError(
                f"{type(self).__name__} is not a mean over pixels and takes no weights of pixels: set "
                "data.weights=null, or take a loss that is one, such as loss=cross_entropy or loss=bce."
            )
        if self.class_weights is not None and len(self.class_weights) != logits.shape[1]:
            raise ConfigError(
                f"loss.class_weights has {len(self.class_weights)} numbers, but there are "
                f"{logits.shape[1]} logits: give one number for each (background included)."
            )
        target = target_classes(logits, mask, self.head)
        if self.head == "softmax":
            valid = valid & target.any(1)
        more = {} if weight is None else {"weight": full_precision(weight)}
        return self.value(full_precision(logits), target, valid, **more)

    @abstractmethod
    def value(
        self,
        logits: Float[Tensor, "b k *space"],
        target: Bool[Tensor, "b k *space"],
        valid: Bool[Tensor, "b *space"],
    ) -> Float[Tensor, ""]:
        """Loss from logits in full precision and one-hot or multi-label targets.

        A loss that is ``weighted`` also takes ``weight``.
        """


def mean_over_valid(
    values: Float[Tensor, "b k *space"],
    valid: Bool[Tensor, "b *space"],
    class_weights: Float[Tensor, " k"] | None = None,
    weight: Float[Tensor, "b *space"] | None = None,
    share: Share = local,
) -> Float[Tensor, ""]:
    """Mean over the valid pixels of a batch of the (weighted) mean over classes; 0 if no pixel is valid.

    The ``weight`` of a pixel multiplies its value; it is not in the denominator. ``share`` sums over all processes, see
    [`gequnet.distributed`][].
    """
    values = values if weight is None else weight.unsqueeze(1) * values
    total = torch.where(valid.unsqueeze(1), values, 0).transpose(0, 1).flatten(1).sum(1)
    total, pixels = share(torch.cat([total, valid.sum().view(1).to(total)])).split([len(total), 1])
    weights = torch.ones_like(total) if class_weights is None else class_weights
    return (weights * total).sum() / (weights.sum() * pixels.squeeze().clamp(min=1))
