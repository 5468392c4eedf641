"""What the processes of one training know together: sums over a batch of which each has a part, and whatever each has.

Where every process computes the same loss from sums over all of them, and gradients are averaged over processes as
``DistributedDataParallel`` does, each gradient is that of the whole batch in one process: W processes hand back W times
what each contributes to the sums, and the average takes the W away.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed

T = TypeVar("T")

Share = Callable[[Tensor], Tensor]
"""Makes of a sum over this process's part of a batch the sum over the batch."""


def number() -> int:
    """How many there are."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def alone(sums: Tensor) -> Tensor:
    """The sums of this process, as they are: its part is the batch."""
    return sums


def together(sums: Tensor) -> Tensor:
    """The sums over all processes, with gradient; of a single process its own. All have to ask, in the same order."""
    if number() == 1:
        return sums
    total: Tensor = _Sum.apply(sums)
    return total


def gathered(own: T) -> list[T]:
    """What each process has, in order; plain values and tensors. All have to ask."""
    if number() == 1:
        return [own]
    found: list[T] = [own] * number()
    distributed.all_gather_object(found, own)
    return found


class _Sum(torch.autograd.Function):
    """A sum over processes, whose gradient is the sum of theirs."""

    @staticmethod
    def forward(ctx: Any, sums: Tensor) -> Tensor:
        total = sums.detach().clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total)
        return total
