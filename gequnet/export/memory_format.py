"""Memory format of kernels: PyTorch's convolutions follow it."""

import torch
from torch import nn

from gequnet.export.channel_layers import EachField

CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}


def to_fastest_memory_format(net: nn.Module) -> nn.Module:
    """Set the fastest memory format on a CPU: channels last, unless layers work on each field separately."""
    if not any(isinstance(layer, EachField) for layer in net.modules()):
        for weight in net.parameters():
            if weight.dim() in CHANNELS_LAST:
                weight.data = weight.data.contiguous(memory_format=CHANNELS_LAST[weight.dim()])
    return net


def to_contiguous(net: nn.Module) -> nn.Module:
    """Set the contiguous memory format, in which ``torch.export`` can record a network for every size."""
    for weight in net.parameters():
        weight.data = weight.data.contiguous()
    return net
