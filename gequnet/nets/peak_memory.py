"""How much memory the tensors of a computation take at the moment when there are most of them, found out on paper."""

import weakref
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from gequnet.nets.costs import blank, weightless


class Alive(TorchDispatchMode):
    """Counts the bytes of what operations make and nobody has let go of yet; ``most`` is their peak.

    What an operation needs for itself while it lasts is no tensor and is not seen: see ``gequnet.train.memory``.

    >>> with Alive() as alive:
    ...     total = torch.zeros(250).add(1).sum()  # the zeros are gone when the sum is made
    >>> alive.most
    2000
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self._known: dict[int, int] = {}

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Lets the operation happen, and counts what it has made."""
        made = operation(*args, **(kwargs or {}))
        for each in tree_leaves(made):
            if isinstance(each, Tensor):
                self._count(each.untyped_storage())
        return made

    def _count(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key not in self._known:
            self._known[key] = storage.nbytes()
            self.now += storage.nbytes()
            self.most = max(self.most, self.now)
            weakref.finalize(storage, self._forget, key)

    def _forget(self, key: int) -> None:
        self.now -= self._known.pop(key)


def peak_memory(net: nn.Module, images: int, sides: Sequence[int], training: bool) -> int:
    """Bytes alive at once in a pass forward, or forward and back, of so many images of given sides; float32.

    The network's own parameters are no part of it; their gradients are. A copy without memory goes through it, so it
    costs nothing to ask about what fits nowhere. Of a network that draws by lot it is the most that can come of it.

    Args:
        net: stays as it is.
        images: in the batch.
        sides: of each, in pixels.
        training: whether it is a training step.
    """
    paper = weightless(net).train(training)
    if training and (demand := getattr(paper, "use_all_scales", None)):
        demand()
    with torch.set_grad_enabled(training), Alive() as alive:
        logits = paper(blank(paper, sides).repeat_interleave(images, dim=0))
        if training:
            logits.sum().backward()
    return alive.most
