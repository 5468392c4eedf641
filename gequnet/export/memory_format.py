"""How kernels lie in memory: what PyTorch convolves with follows them."""

import torch
from torch import nn

from gequnet.export.channel_layers import EachField

CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}


def quickest(net: nn.Module) -> nn.Module:
    """The network as a CPU runs it fastest: channels last, unless fields are taken apart, which that makes slower."""
    if not any(isinstance(layer, EachField) for layer in net.modules()):
        for weight in net.parameters():
            if weight.dim() in CHANNELS_LAST:
                weight.data = weight.data.contiguous(memory_format=CHANNELS_LAST[weight.dim()])
    return net


def contiguous(net: nn.Module) -> nn.Module:
    """The network as ``torch.export`` can record it for every size."""
    for weight in net.parameters():
        weight.data = weight.data.contiguous()
    return net
