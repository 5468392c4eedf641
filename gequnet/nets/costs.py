"""Costs of a network: parameters, channels, floating-point operations, and memory for the backward pass.

Each cost is measured on the network itself, by running a copy on the meta device (without memory) as a training step or
a test would. No formula is used, such as widening by the square root of a group's order.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import cast

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from gequnet.errors import ShapeError

Sides = int | Sequence[int]

ONE_VALUE = "Expected more than 1 "
"""Start of PyTorch's errors about a norm that gets one value per channel, which has no variance."""


def parameters(net: nn.Module) -> int:
    """Number of learned parameters."""
    return sum(p.numel() for p in net.parameters())


def field_size(net: nn.Module) -> int:
    """Channels per unit of width: 1 in a plain network, the channels of a regular field in an equivariant one."""
    group = getattr(net, "group", None)
    return 1 if group is None else group.field_size


def channels(net: nn.Module) -> int:
    """Channels of all levels, summed: ``widths`` times the channels of a field.

    >>> from gequnet.nets.e2unet import E2UNet
    >>> channels(E2UNet(3, 1, [4, 6, 9], "d4"))
    152
    """
    return sum(cast(Sequence[int], net.widths)) * field_size(net)


def flops(net: nn.Module, sides: Sides) -> int:
    """Floating-point operations of a forward pass of one image in evaluation mode; a multiply-add counts as 2.

    Convolutions and matrix products are counted, which are nearly all operations. The expansion of steerable kernels in
    each pass is included.

    Args:
        net: it is not changed.
        sides: sides of the image in pixels, one for all axes or one for each.

    Raises:
        ShapeError: the network does not accept images of these sides.
    """
    meta = meta_copy(net).eval()
    with (
        _default_algorithms(),
        torch.no_grad(),
        FlopCounterMode(display=False) as counter,
        _one_value_refused(meta, sides),
    ):
        meta(meta_image(meta, sides))
    return counter.get_total_flops()


def activations(net: nn.Module, sides: Sides) -> int:
    """Bytes that autograd saves for the backward pass of one image, in float32 and training mode.

    Every storage counts once, even if several layers save it. Parameters and buffers do not count, nor do the
    optimizer's state and temporary memory within an operation. For a network that draws the scale of a step at random
    it is the maximum over the scales.

    Batch normalisation refuses a single value per channel, as one image has if the coarsest level is one pixel. Then
    the result is half of the bytes for two images.

    Args:
        net: it is not changed.
        sides: sides of the image in pixels, one for all axes or one for each.

    Raises:
        ShapeError: the network does not accept images of these sides.
    """
    meta = meta_copy(net).train()
    if use_all_scales := getattr(meta, "use_all_scales", None):
        use_all_scales()
    try:
        return _saved_bytes(meta, meta_image(meta, sides))
    except ValueError:
        with _one_value_refused(meta, sides):
            return _saved_bytes(meta, meta_image(meta, sides).repeat_interleave(2, dim=0)) // 2


@contextmanager
def _one_value_refused(net: nn.Module, sides: Sides) -> Iterator[None]:
    """Context that replaces PyTorch's error about one value per channel of an image by a sentence."""
    try:
        yield
    except ValueError as error:
        if not str(error).startswith(ONE_VALUE):
            raise
        size = "x".join(map(str, meta_image(net, sides).shape[2:]))
        raise ShapeError(
            f"A patch of {size} pixels has one value per channel at the coarsest level, and the norm of each image "
            "(model.norm=instance or group) needs more: take a larger data.patch_size or a smaller model.depth."
        ) from None


def _saved_bytes(meta: nn.Module, images: Tensor) -> int:
    # A meta storage has no address. Its C++ object has one, which is unique as long as the storage is referenced here.
    saved: dict[int, torch.UntypedStorage] = {}

    def save(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        saved[storage._cdata] = storage
        return tensor

    with _default_algorithms(), torch.enable_grad(), saved_tensors_hooks(save, lambda tensor: tensor):
        meta(images)
    for owned in (*meta.parameters(), *meta.buffers()):
        saved.pop(owned.untyped_storage()._cdata, None)
    return sum(storage.nbytes() for storage in saved.values())


@contextmanager
def _default_algorithms() -> Iterator[None]:
    """Context with PyTorch's default algorithms: deterministic ones save other tensors, and a width must not change."""
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(False)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)


MEASURES: dict[str, Callable[[nn.Module, Sides], int]] = {
    "parameters": lambda net, sides: parameters(net),
    "channels": lambda net, sides: channels(net),
    "flops": flops,
    "activations": activations,
}
BUDGETS = ("parameters", "channels", "flops", "activations")


def budgets(net: nn.Module, sides: Sides) -> dict[str, int]:
    """All budgets of a network by name.

    Args:
        net: it is not changed.
        sides: sides of the image in pixels, one for all axes or one for each.

    >>> from gequnet.nets.unet import UNet
    >>> budgets(UNet(1, 1, [2, 3]), sides=8)["channels"]
    5
    """
    return {name: MEASURES[name](net, sides) for name in BUDGETS}


def meta_copy(net: nn.Module) -> nn.Module:
    """Copy of a network on the meta device: its tensors have shapes but no memory. It has its own mode."""
    meta_tensors: dict[int, object] = {}
    for parameter in net.parameters():
        meta_tensors[id(parameter)] = nn.Parameter(parameter.detach().to("meta"), parameter.requires_grad)
    for buffer in net.buffers():
        meta_tensors[id(buffer)] = buffer.detach().to("meta")
    return copy.deepcopy(net, meta_tensors)  # deepcopy's memo: these tensors count as copied already


def meta_image(net: nn.Module, sides: Sides) -> Tensor:
    """One input image of the network on the meta device: [1, C, *space], without memory."""
    in_channels, axes = cast(int, net.in_channels), cast(int, net.spatial_dims)
    space = [sides] * axes if isinstance(sides, int) else list(sides)
    return torch.empty([1, in_channels, *space], device="meta")
