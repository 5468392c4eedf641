"""The scores of each image, in rows that ranks can exchange."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from gequnet.metrics.counts import Counts


def encoded(name: str) -> UInt8[Tensor, " n"]:
    """The name of an image as bytes that end with a newline, since only tensors travel between ranks."""
    return torch.tensor(list(f"{name}\n".encode()), dtype=torch.uint8)


def decoded(names: UInt8[Tensor, " n"]) -> list[str]:
    """The names whose bytes follow one another.

    >>> decoded(torch.cat([encoded("left"), encoded("right")]))
    ['left', 'right']
    """
    return bytes(names.tolist()).decode().split("\n")[:-1]


class ScoreTable(NamedTuple):
    """Names, numbers of pixels, and scores of images, by region and class; counts know the background, too."""

    ids: list[str]
    counts: Counts
    scores: dict[str, Float[Tensor, "image region _"]]

    @classmethod
    def of(
        cls,
        names: UInt8[Tensor, " n"],
        counts: Int[Tensor, "row region scored 4"],
        others: Mapping[str, Float[Tensor, "row region class"]],
        of_counts: Mapping[str, Callable[[Counts], Tensor]],
    ) -> "ScoreTable":
        """The table of what was gathered; what a sampler repeated, under one id with the same counts, is there once.

        Args:
            names: the encoded names one after the other.
            counts: the fields of [`Counts`][gequnet.metrics.counts.Counts].
            others: the scores that do not follow from counts; of the foreground only.
            of_counts: what does.
        """
        ids = decoded(names)
        first: dict[tuple[str, bytes], int] = {}
        for row, name in enumerate(ids):
            first.setdefault((name, counts[row].numpy().tobytes()), row)
        rows = list(first.values())
        kept = Counts(*counts[rows].unbind(-1))
        scores = {name: score(kept) for name, score in of_counts.items()}
        scores |= {score: values[rows].double() for score, values in others.items()}
        return cls([ids[row] for row in rows], kept, scores)

    def without_absent(self, foreground: int) -> "ScoreTable":
        """The table without the scores of a class in an image that neither has it nor is said to have it.

        Of twenty classes an image has one or two. Were the others right about nothing, at 1 each, then to find nothing
        anywhere would score .95, and more than to find what is there and a pixel of another class beside it. Where an
        image has no foreground at all and none was found, that is right, and the scores stay.

        Args:
            foreground: so many of the classes, the first ones, are foreground.
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
        return [name for name, nothing in zip(self.ids, empty, strict=True) if nothing]

    def has_both(self) -> Bool[Tensor, "region scored"]:
        """Whether there is foreground and background in all images together."""
        foreground = (self.counts.true_positive + self.counts.false_negative).sum(0)
        background = (self.counts.true_negative + self.counts.false_positive).sum(0)
        return (foreground > 0) & (background > 0)
