"""Sums over a batch that several processes hold parts of, so that how many they are changes nothing.

Where each process computes the same number from sums over all of them, and gradients are averaged over processes as
``DistributedDataParallel`` does, every gradient is that of the whole batch in one process: the sums hand back W times
what each of W processes contributes, and the average takes the W away.
"""

from collections.abc import Callable

from torch import Tensor, distributed
from torch.distributed.nn.functional import all_reduce

Share = Callable[[Tensor], Tensor]
"""Makes of a sum over this process's part of a batch the sum over the batch."""


def alone(sums: Tensor) -> Tensor:
    """The sums of this process, as they are: its part is the batch."""
    return sums


def together(sums: Tensor) -> Tensor:
    """The sums over all processes, with gradient; of a single process its own. All have to ask, in the same order."""
    if not (distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1):
        return sums
    total: Tensor = all_reduce(sums)
    return total
