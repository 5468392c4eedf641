"""The plain twin of a network: the same function of ordinary layers, which runs where nothing is known of groups."""

from torch import nn

from gequnet.twin import nets, norms, scales, steerable  # noqa: F401  (they register their rules)
from gequnet.twin.architecture import load
from gequnet.twin.fold import ordinary
from gequnet.twin.layout import quickest
from gequnet.twin.maps import Maps

__all__ = ["load", "twin"]


def twin(net: nn.Module) -> nn.Module:
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
    >>> bool(torch.allclose(twin(net)(image), net(image), atol=1e-5))
    True
    """
    dims = net.spatial_dims
    assert isinstance(dims, int)
    return quickest(ordinary(net, Maps(dims))).eval()
