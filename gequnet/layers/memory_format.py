"""Base class of layers whose tensors are no images, so that a memory format for images leaves them as they are."""

from collections.abc import Callable

from torch import Tensor, nn


class NoMemoryFormat(nn.Module):
    """Layer that follows ``to(device, dtype)``, but no memory format.

    ``to(memory_format=torch.channels_last)`` lays out every tensor of four or five axes as an image, whatever the axes
    are, and PyTorch raises an error for five of them (``channels_last_3d``: for four). The coefficients and bases of
    kernels have such axes. The kernels are laid out where they are made from these.
    """

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> nn.Module:
        """Apply a function to every tensor, each as a single axis."""
        applied: nn.Module = super()._apply(lambda tensor: fn(tensor.flatten()).view(tensor.shape), recurse)
        return applied
