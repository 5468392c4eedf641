"""Heads: a sigmoid for each of the K logits of a network, or a softmax over all of them.

With one logit the head is a sigmoid. With two or more it is a softmax over exclusive classes, where class 0 is the
background; if the data declares overlapping regions, it is a sigmoid for each region.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gequnet.errors import ConfigError

HEADS = ("sigmoid", "softmax")

CERTAIN = 1e4
"""Logit of a class that is certain: far beyond those of networks, and finite in half precision."""


def check_head(head: str) -> str:
    """Return ``head`` if it exists.

    Raises:
        ConfigError: it does not.
    """
    if head not in HEADS:
        raise ConfigError(f"head={head!r} does not exist: a head is one of {', '.join(HEADS)}; set data.head.")
    return head


def foreground_classes(num_classes: int, head: str) -> list[int]:
    """Indices of the foreground logits: all but class 0 of a softmax."""
    return list(range(1 if head == "softmax" else 0, num_classes))


def probabilities(logits: Float[Tensor, "b k *space"], head: str) -> Float[Tensor, "b k *space"]:
    """Probabilities of logits, in float32 (float64 stays) even under autocast."""
    logits = full_precision(logits)
    return logits.softmax(1) if head == "softmax" else logits.sigmoid()


def log_odds(logits: Float[Tensor, "b k *space"], head: str) -> Float[Tensor, "b k *space"]:
    """Logarithm of p / (1 - p) for each probability p, where p itself may round to 0 or 1.

    Of a sigmoid it is the logit; of a softmax the logit less the log-sum-exp of all others.

    >>> log_odds(torch.tensor([[40.0, 90.0, 140.0]])[..., None], "softmax").flatten().tolist()
    [-100.0, -50.0, 50.0]
    """
    logits = full_precision(logits)
    if head == "sigmoid":
        return logits
    highest = logits.argmax(1, keepdim=True)
    # Of the highest class 1 - p loses all digits, so the others are added up without it.
    others = logits.scatter(1, highest, -torch.inf).logsumexp(1, keepdim=True)
    odds = logits.log_softmax(1) - torch.log1p(-logits.softmax(1))
    return odds.scatter(1, highest, logits.gather(1, highest) - others)


def predicted_classes(
    preds: Float[Tensor, "b k *space"], head: str, threshold: float = 0.5
) -> Bool[Tensor, "b k *space"]:
    """Predicted classes of each pixel, as a mask for each class.

    For a softmax it is the most probable class; for sigmoids every class with a probability above ``threshold``. A
    probability equal to the threshold is background, so zero logits predict background at threshold 0.5.

    Args:
        preds: probabilities.
        head: ``sigmoid`` or ``softmax``, which does not use the threshold.
        threshold: between 0 and 1.
    """
    if head == "softmax":
        return _one_hot(preds.argmax(1), preds.shape[1])
    return preds > threshold


def background_outside(
    logits: Float[Tensor, "b k *space"], field: Bool[Tensor, "b *space"], head: str
) -> Float[Tensor, "b k *space"]:
    """Logits that are certain of the background outside ``field``, and unchanged inside.

    >>> background_outside(torch.zeros(1, 1, 2), torch.tensor([[True, False]]), "sigmoid").sigmoid()
    tensor([[[0.5000, 0.0000]]])
    """
    certain = torch.full_like(logits, -CERTAIN)
    if head == "softmax":
        certain[:, 0] = CERTAIN
    return torch.where(field.unsqueeze(1), logits, certain)


def target_classes(
    logits: Float[Tensor, "b k *space"], mask: Int[Tensor, "b *space"] | Int[Tensor, "b k *space"], head: str
) -> Bool[Tensor, "b k *space"]:
    """True classes of each pixel, as a mask for each class; a label that is no class, such as 255 for void, has none.

    Args:
        logits: of the prediction, or probabilities; only the shape is used.
        mask: class indices, or one mask of 0 and 1 for each of K overlapping regions.
        head: ``sigmoid`` or ``softmax``.

    Raises:
        ConfigError: the mask does not fit K classes with this head.
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
    """Half precision to float32, as sums over a million pixels do not fit in the mantissa of a bfloat16."""
    return values if values.dtype == torch.float64 else values.float()


def _one_hot(labels: Int[Tensor, "b *space"], num_classes: int) -> Bool[Tensor, "b k *space"]:
    classes = torch.arange(num_classes, device=labels.device).view(-1, *[1] * (labels.ndim - 1))
    return labels.unsqueeze(1) == classes
