"""The plain twin of a network: the same function of ordinary layers, which runs where nothing is known of groups."""

from torch import nn

from gequnet.export import convert_nets, convert_scale, convert_steerable, norms  # noqa: F401  (they register their rules)
from gequnet.export.channel_layers import Maps
from gequnet.export.convert import to_plain
from gequnet.export.memory_format import quickest
from gequnet.export.safetensors_file import load

__all__ = ["load", "plain_network"]


def plain_network(net: nn.Module) -> nn.Module:
    """A copy of a network, in evaluation mode, in which every layer that knows of a symmetry is an ordinary one.

    Kernels are put together, norms with fixed statistics go into the convolutions before them, dropout goes away. The
    results are the network's in evaluation mode, to rounding, at every size; the network itself stays as it is.

    Args:
        net: of ``gequnet.nets``.

    Raises:
        ConfigError: it has a layer that no rule is known for.

    >>> import torch
    >>> from gequnet.nets.e2unet import E2UNet
    >>> net = E2UNet(in_channels=1, num_classes=1, widths=[2, 3], group="d4").eval()
    >>> image = torch.rand(1, 1, 17, 20)
    >>> bool(torch.allclose(plain_network(net)(image), net(image), atol=1e-5))
    True
    """
    dims = net.spatial_dims
    assert isinstance(dims, int)
    return quickest(to_plain(net, Maps(dims))).eval()
