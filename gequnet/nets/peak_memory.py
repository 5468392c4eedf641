"""Peak memory of the tensors of a computation, measured on the meta device."""

import weakref
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from gequnet.nets.costs import meta_copy, meta_image


class MemoryTracker(TorchDispatchMode):
    """Bytes of the tensors that operations create: ``current`` at present, ``peak`` at most.

    Temporary memory within an operation is no tensor and does not count, see ``gequnet.train.memory``.

    >>> with MemoryTracker() as tracker:
    ...     total = torch.zeros(250).add(1).sum()  # the zeros are freed before the sum is created
    >>> tracker.peak
    2000
    """

    def __init__(self) -> None:
        super().__init__()
        self.current = self.peak = 0
        self._known: dict[int, int] = {}

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operation and count the storages of its outputs."""
        outputs = operation(*args, **(kwargs or {}))
        for output in tree_leaves(outputs):
            if isinstance(output, Tensor):
                self._count(output.untyped_storage())
        return outputs

    def _count(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key not in self._known:
            self._known[key] = storage.nbytes()
            self.current += storage.nbytes()
            self.peak = max(self.peak, self.current)
            weakref.finalize(storage, self._forget, key)

    def _forget(self, key: int) -> None:
        self.current -= self._known.pop(key)


def peak_memory(net: nn.Module, images: int, sides: Sequence[int], training: bool) -> int:
    """Peak bytes of tensors in a forward pass, or in a forward and backward pass, of a batch in float32.

    The parameters of the network are not included; their gradients are. The pass runs on the meta device, so it uses no
    memory and also works for sizes that fit on no device. For a network that draws scales at random it is the maximum
    over the scales.

    Args:
        net: it is not changed.
        images: number of images in the batch.
        sides: sides of each image in pixels.
        training: true for a training step, forward and backward.
    """
    meta = meta_copy(net).train(training)
    if training and (use_all_scales := getattr(meta, "use_all_scales", None)):
        use_all_scales()
    with torch.set_grad_enabled(training), MemoryTracker() as tracker:
        logits = meta(meta_image(meta, sides).repeat_interleave(images, dim=0))
        if training:
            logits.sum().backward()
    return tracker.peak
