"""Conversion of a network to a plain network: the same function, with layers that do not depend on a symmetry."""

from torch import nn

from gequnet.export import convert_nets, convert_scale, convert_steerable, norms  # noqa: F401  (imported for their rules)
from gequnet.export.channel_layers import MapLayout
from gequnet.export.convert import to_plain
from gequnet.export.memory_format import to_fastest_memory_format
from gequnet.export.safetensors_file import load_safetensors

__all__ = ["load_safetensors", "plain_network"]


def plain_network(net: nn.Module) -> nn.Module:
    """A copy of a network in evaluation mode, in which every equivariant layer is replaced by plain layers.

    Kernels are expanded, norms with fixed statistics are folded into the convolutions before them, and dropout is
    removed. The result equals the network in evaluation mode, to rounding, at every size. The network is not changed.

    Args:
        net: a network of ``gequnet.nets``.

    Raises:
        ConfigError: there is no conversion rule for one of its layers.

    >>> import torch
    >>> from gequnet.nets.e2unet import E2UNet
    >>> net = E2UNet(in_channels=1, num_classes=1, widths=[2, 3], group="d4").eval()
    >>> image = torch.rand(1, 1, 17, 20)
    >>> bool(torch.allclose(plain_network(net)(image), net(image), atol=1e-5))
    True
    """
    dims = net.spatial_dims
    assert isinstance(dims, int)
    return to_fastest_memory_format(to_plain(net, MapLayout(dims))).eval()
