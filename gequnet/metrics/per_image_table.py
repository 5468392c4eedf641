"""Table of the scores of each image, from tensors that ranks can exchange."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from gequnet.metrics.counts import Counts


def encoded(name: str) -> UInt8[Tensor, " n"]:
    """The name of an image as bytes that end with a newline: ranks exchange only tensors."""
    return torch.tensor(list(f"{name}\n".encode()), dtype=torch.uint8)


def decoded(names: UInt8[Tensor, " n"]) -> list[str]:
    """The names in a sequence of encoded names.

    >>> decoded(torch.cat([encoded("left"), encoded("right")]))
    ['left', 'right']
    """
    return bytes(names.tolist()).decode().split("\n")[:-1]


class ScoreTable(NamedTuple):
    """Names, numbers of pixels, and scores of images, by region and class; counts include the background.

    Where the logits of an image are not finite, its scores are nan.
    """

    ids: list[str]
    counts: Counts
    finite: Bool[Tensor, "image region"]
    scores: dict[str, Float[Tensor, "image region _"]]

    @classmethod
    def of(
        cls,
        names: UInt8[Tensor, " n"],
        counts: Int[Tensor, "row region scored 4"],
        finite: Bool[Tensor, "row region"],
        of_masks: Mapping[str, Float[Tensor, "row region class"]],
        of_counts: Mapping[str, Callable[[Counts], Tensor]],
    ) -> "ScoreTable":
        """The table of all images; an image that a sampler repeated, with the same id and counts, is there once.

        Args:
            names: the encoded names one after the other.
            counts: the fields of [`Counts`][gequnet.metrics.counts.Counts].
            finite: True where the logits are finite.
            of_masks: values of the scores of masks; of the foreground only.
            of_counts: functions of the scores of counts.
        """
        ids = decoded(names)
        first: dict[tuple[str, bytes], int] = {}
        for row, name in enumerate(ids):
            first.setdefault((name, counts[row].numpy().tobytes()), row)
        rows = list(first.values())
        kept = Counts(*counts[rows].unbind(-1))
        scores = {name: score(kept) for name, score in of_counts.items()}
        scores |= {score: values[rows].double() for score, values in of_masks.items()}
        scores = {score: values.where(finite[rows][..., None], torch.nan) for score, values in scores.items()}
        return cls([ids[row] for row in rows], kept, finite[rows], scores)

    def without_absent(self, foreground: int) -> "ScoreTable":
        """The table without the scores of classes that are neither true nor predicted in an image.

        Of twenty classes an image has one or two. If the others scored 1 each, an empty prediction would score .95, and
        more than a prediction that finds the object and one pixel of another class. Where an image has no foreground
        and the prediction has none, the prediction is right, and the scores stay.

        Args:
            foreground: number of foreground classes, which come first.
        """
        either = (self.counts.true_positive + self.counts.false_positive + self.counts.false_negative) > 0
        kept = either | ~either[..., :foreground].any(-1, keepdim=True)
        scores = {
            score: torch.where(kept[..., : values.shape[-1]], values, torch.nan)
            for score, values in self.scores.items()
        }
        return self._replace(scores=scores)

    def without_pixels(self) -> list[str]:
        """The images that have a region without pixels."""
        empty = (torch.stack(self.counts).sum(0) == 0).flatten(1).any(1).tolist()
        return [name for name, is_empty in zip(self.ids, empty, strict=True) if is_empty]

    def not_finite(self) -> list[str]:
        """The images with logits that are not finite."""
        return [name for name, good in zip(self.ids, self.finite.all(1).tolist(), strict=True) if not good]

    def all_finite(self) -> Bool[Tensor, "region 1"]:
        """True where the logits of all images are finite."""
        return self.finite.all(0)[:, None]

    def has_both(self) -> Bool[Tensor, "region scored"]:
        """True where all images together have foreground and background."""
        foreground = (self.counts.true_positive + self.counts.false_negative).sum(0)
        background = (self.counts.true_negative + self.counts.false_positive).sum(0)
        return (foreground > 0) & (background > 0)
