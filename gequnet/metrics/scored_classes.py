"""Scored classes, and the names of the scores of each."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gequnet.errors import ConfigError
from gequnet.heads import check_head, foreground_classes

Scores = dict[str, float]


class ScoredClasses:
    """The foreground classes, over which means are taken, and the background if it has a name.

    Args:
        num_classes: the number K of logits.
        head: ``sigmoid`` or ``softmax``.
        class_names: one for each logit.
        background: name of the background, to have scores of its own; under a softmax that of class 0.

    Raises:
        ConfigError: these do not fit together.

    Example:
        >>> classes = ScoredClasses(1, "sigmoid", ["membrane"], background="cell")
        >>> classes.spread("iou", torch.tensor([0.5, 0.75]))
        {'iou': 0.5, 'iou/membrane': 0.5, 'iou/cell': 0.75}
    """

    def __init__(self, num_classes: int, head: str, class_names: Sequence[str], background: str | None = None) -> None:
        self.head = check_head(head)
        self.indices = foreground_classes(num_classes, head)
        if len(class_names) != num_classes or not self.indices:
            raise ConfigError(
                f"data.class_names={list(class_names)} must name each of the {num_classes} logits of head={head}, "
                "background first under a softmax: give as many names as data.num_classes."
            )
        self.names = [class_names[index] for index in self.indices]
        self.background = background
        if background is not None:
            self._check_background(background, class_names)

    def __len__(self) -> int:
        """The number of foreground classes."""
        return len(self.indices)

    def foreground(self, each: Float[Tensor, "b k *space"]) -> Float[Tensor, "b c *space"]:
        """The maps of the foreground classes, from one map for each logit."""
        return each[:, self.indices]

    def masks(self, each: Bool[Tensor, "b k *space"]) -> Bool[Tensor, "b scored *space"]:
        """The scored masks, from one mask for each logit: foreground, then background if it has a name."""
        chosen = each[:, self.indices]
        if self.background is None:
            return chosen
        return torch.cat([chosen, each[:, :1] if self.head == "softmax" else ~chosen], 1)

    def spread(self, score: str, values: Float[Tensor, "*image scored"]) -> Scores:
        """The mean over foreground classes and, if several classes are scored, the score of each.

        For several images the mean is the mean of the means of the images, as comparisons use them. A class or an image
        without a score, nan, is left out of both.

        Args:
            score: name of the score.
            values: scores of the foreground classes, and of the background if it has a name and a score.
        """
        mean = {score: float(values[..., : len(self)].nanmean(-1).nanmean())}
        if values.shape[-1] == 1:
            return mean
        of_classes = values.reshape(-1, values.shape[-1]).nanmean(0).tolist()
        named = zip([*self.names, self.background], of_classes, strict=False)
        return mean | {f"{score}/{name}": value for name, value in named}

    def _check_background(self, background: str, class_names: Sequence[str]) -> None:
        if self.head == "softmax" and background != class_names[0]:
            raise ConfigError(
                f"scoring.background={background} is not class 0 of data.class_names={list(class_names)}, which is the "
                f"background of a softmax: set scoring.background={class_names[0]}."
            )
        if self.head == "sigmoid" and (len(self) > 1 or background in class_names):
            raise ConfigError(
                f"scoring.background={background} beside data.class_names={list(class_names)}: sigmoids have a "
                "background where there is one class, and it has another name; set scoring.background=null."
            )
