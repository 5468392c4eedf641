"""What the K logits of a network mean: one sigmoid for each, or one softmax over all of them.

With one logit the head is a sigmoid; with two or more it is a softmax over exclusive classes, of which class
0 is the background, unless the data declares overlapping regions, and then it is one sigmoid for each region.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gequnet.errors import ConfigError

HEADS = ("sigmoid", "softmax")


def check_head(head: str) -> str:
    """Returns ``head`` if there is such a head.

    Raises:
        ConfigError: there is none of this name.
    """
    if head not in HEADS:
        raise ConfigError(f"head={head!r} does not exist: a head is one of {', '.join(HEADS)}; set data.head.")
    return head


def foreground_classes(num_classes: int, head: str) -> list[int]:
    """Indices of the logits that stand for something other than background: all, but class 0 of a softmax."""
    return list(range(1 if head == "softmax" else 0, num_classes))


def probabilities(logits: Float[Tensor, "b k *space"], head: str) -> Float[Tensor, "b k *space"]:
    """Probabilities of logits, in float32 (float64 stays) even under autocast."""
    logits = full_precision(logits)
    return logits.softmax(1) if head == "softmax" else logits.sigmoid()


def predicted_classes(
    preds: Float[Tensor, "b k *space"], head: str, threshold: float = 0.5
) -> Bool[Tensor, "b k *space"]:
    """Which classes each pixel is said to belong to.

    Of a softmax the likeliest one, of sigmoids each that is above ``threshold``. A probability equal to the
    threshold is not above it: a network that knows nothing predicts background.

    Args:
        preds: probabilities.
        head: ``sigmoid`` or ``softmax``; of the latter the threshold is not used.
        threshold: between 0 and 1.
    """
    if head == "softmax":
        return _one_hot(preds.argmax(1), preds.shape[1])
    return preds > threshold


def target_classes(
    logits: Float[Tensor, "b k *space"], mask: Int[Tensor, "b *space"] | Int[Tensor, "b k *space"], head: str
) -> Bool[Tensor, "b k *space"]:
    """Which classes each pixel does belong to; a label that is no class (255 on void, say) belongs to none.

    Args:
        logits: those that the mask is to be compared with (or their probabilities): only the shape is used.
        mask: class indices, or one mask of 0 and 1 for each of K overlapping regions.
        head: ``sigmoid`` or ``softmax``.

    Raises:
        ConfigError: the mask has no room for K classes under this head.
    """
    num_classes = logits.shape[1]
    labels = mask.ndim == logits.ndim - 1
    if head == "softmax" and num_classes > 1 and labels:
        return _one_hot(mask, num_classes)
    if head == "sigmoid" and num_classes == 1 and labels:
        return mask.unsqueeze(1) == 1
    if head == "sigmoid" and mask.shape == logits.shape:
        return mask == 1
    raise ConfigError(
        f"head={head} does not fit a mask of shape {tuple(mask.shape)} beside logits of shape "
        f"{tuple(logits.shape)}: a softmax needs two or more logits and one label for each pixel, sigmoids "
        "need one mask for each logit; set data.head and data.num_classes to what the masks hold."
    )


def full_precision(values: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Half precision to float32: sums over a million pixels do not fit in the mantissa of a bfloat16."""
    return values if values.dtype == torch.float64 else values.float()


def _one_hot(labels: Int[Tensor, "b *space"], num_classes: int) -> Bool[Tensor, "b k *space"]:
    classes = torch.arange(num_classes, device=labels.device).view(-1, *[1] * (labels.ndim - 1))
    return labels.unsqueeze(1) == classes
