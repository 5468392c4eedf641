"""What a network spends: parameters, channels, operations, and memory for the backward pass.

Each is measured on the network as it is built, by letting a copy without memory (on the meta device) do what a training
or a test would do. No formula is trusted: the widening by the square root of a group's order, say, is a formula.
"""

import copy
from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

Sides = int | Sequence[int]


def parameters(net: nn.Module) -> int:
    """Number of learned parameters."""
    return sum(p.numel() for p in net.parameters())


def field_size(net: nn.Module) -> int:
    """Numbers at a point that a unit of width stands for: 1 in a plain net, of a finite group one for each element."""
    group = getattr(net, "group", None)
    return 1 if group is None else group.field_size


def channels(net: nn.Module) -> int:
    """Sum over the levels of their channels, ``widths`` times the channels of a field.

    >>> from gequnet.nets.e2unet import E2UNet
    >>> channels(E2UNet(3, 1, [4, 6, 9], "d4"))
    152
    """
    return sum(cast(Sequence[int], net.widths)) * field_size(net)


def flops(net: nn.Module, sides: Sides) -> int:
    """Operations of one forward pass of one image in evaluation mode; a multiplication with its addition counts 2.

    Those of convolutions and matrix products, where nearly all are; steerable kernels are expanded in each pass, and
    that counts too.

    Args:
        net: stays as it is.
        sides: of the image in pixels, one for all axes or one for each.

    Raises:
        ShapeError: the network does not take images of these sides.
    """
    paper = weightless(net).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        paper(blank(paper, sides))
    return counter.get_total_flops()


def activations(net: nn.Module, sides: Sides) -> int:
    """Bytes that autograd keeps for the backward pass of one image, float32, in training mode.

    Every storage counts once, however many layers keep it, and those of the parameters and buffers, which are there
    anyway, not at all. The optimizer's state and what is alive only during an operation are no part of it. Of a network
    that draws by lot what a step does (at which scale a batch is seen) it is the most that can come of it.

    Batch normalisation refuses one value for a channel, which an image gives where the coarsest level is a single
    pixel; then it is half of what two images keep.

    Args:
        net: stays as it is.
        sides: of the image in pixels, one for all axes or one for each.

    Raises:
        ShapeError: the network does not take images of these sides.
    """
    paper = weightless(net).train()
    if demand := getattr(paper, "use_all_scales", None):
        demand()
    try:
        return _saved_bytes(paper, blank(paper, sides))
    except ValueError:
        return _saved_bytes(paper, blank(paper, sides).repeat_interleave(2, dim=0)) // 2


def _saved_bytes(paper: nn.Module, images: Tensor) -> int:
    # A meta storage has no address, but the object behind it does, and that is its own as long as it is kept.
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage._cdata] = storage
        return tensor

    with torch.enable_grad(), saved_tensors_hooks(keep, lambda tensor: tensor):
        paper(images)
    for owned in (*paper.parameters(), *paper.buffers()):
        kept.pop(owned.untyped_storage()._cdata, None)
    return sum(storage.nbytes() for storage in kept.values())


MEASURES: dict[str, Callable[[nn.Module, Sides], int]] = {
    "parameters": lambda net, sides: parameters(net),
    "channels": lambda net, sides: channels(net),
    "flops": flops,
    "activations": activations,
}
BUDGETS = ("parameters", "channels", "flops", "activations")


def budgets(net: nn.Module, sides: Sides) -> dict[str, int]:
    """Every budget of a network by name.

    Args:
        net: stays as it is.
        sides: of the image in pixels, one for all axes or one for each.

    >>> from gequnet.nets.unet import UNet
    >>> budgets(UNet(1, 1, [2, 3]), sides=8)["channels"]
    5
    """
    return {name: MEASURES[name](net, sides) for name in BUDGETS}


def weightless(net: nn.Module) -> nn.Module:
    """A copy whose tensors have shapes but no memory; its mode and statistics are its own."""
    stand_ins: dict[int, object] = {}
    for parameter in net.parameters():
        stand_ins[id(parameter)] = nn.Parameter(parameter.detach().to("meta"), parameter.requires_grad)
    for buffer in net.buffers():
        stand_ins[id(buffer)] = buffer.detach().to("meta")
    return copy.deepcopy(net, stand_ins)  # the copy takes the stand-ins for tensors that it has copied already


def blank(net: nn.Module, sides: Sides) -> Tensor:
    """One image without memory, such as the network takes."""
    in_channels, axes = cast(int, net.in_channels), cast(int, net.spatial_dims)
    space = [sides] * axes if isinstance(sides, int) else list(sides)
    return torch.empty([1, in_channels, *space], device="meta")
