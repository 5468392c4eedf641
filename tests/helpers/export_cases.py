"""Tiny networks of every family and recipe, with random norm statistics: initial statistics hide errors."""

from collections.abc import Callable

import torch
from torch import nn

from gequnet.inference.test_time_augmentation import OrbitAverage
from gequnet.layers.steerable import FieldBias
from gequnet.nets.e2unet import E2UNet
from gequnet.nets.scale_unet import ScaleUNet
from gequnet.nets.unet import UNet
from gequnet.symmetry.scale_group import ScaleGroup

NORMS = ("batch", "instance", "group", "none")
GROUPS = ("c1", "c4", "c8", "d1", "d4", "so2", "o2")
RESTRICTIONS = (("d4", "c4"), ("d8", "d4"), ("o2", "d4"), ("o2", "so2"), ("so2", "c8"), ("d4", "c2"))
KERNELS = {"form": "kernels", "train_scales": None, "kernel_size": 5}
LEARNED = {"downsample": "strided", "upsample": "transposed"}


def unet(**recipe) -> UNet:
    return UNet(2, 2, [4, 6], **recipe)


def e2unet(group: str = "c4", **recipe) -> E2UNet:
    return E2UNet(2, 2, [2, 3, 4], group, **recipe)


def scale_unet(dims: int = 2, count: int = 3, **recipe) -> ScaleUNet:
    return ScaleUNet(2, 2, [2, 3], ScaleGroup(2**0.5, count), dims, **recipe)


CASES: dict[str, Callable[[], nn.Module]] = {
    **{f"unet, {norm}": lambda norm=norm: unet(norm=norm, residual=True, dropout=0.2) for norm in NORMS},
    **{f"unet3d, {norm}": lambda norm=norm: unet(norm=norm, spatial_dims=3, downsample="max") for norm in NORMS},
    **{
        f"e2unet {group}, {norm}": lambda group=group, norm=norm: e2unet(group, norm=norm, residual=True, dropout=0.2)
        for group in GROUPS
        for norm in NORMS
    },
    **{
        f"e2unet {group} to {smaller}": lambda group=group, smaller=smaller: e2unet(group, restrict={1: smaller})
        for group, smaller in RESTRICTIONS
    },
    "e2unet, average, reflect": lambda: e2unet("d4", downsample="average", padding_mode="reflect", kernel_size=5),
    "e2unet, max, silu": lambda: e2unet("c8", downsample="max", activation="silu", convs=3),
    "e2unet, learned": lambda: e2unet("d4", **LEARNED),
    "unet, learned": lambda: unet(**LEARNED, norm="instance", padding_mode="circular", activation="gelu"),
    "unet3d, learned": lambda: unet(**LEARNED, spatial_dims=3, padding_mode="replicate", activation="elu"),
    "unet, one level": lambda: UNet(2, 2, [4]),
    **{
        f"unet, valid, {down}": lambda down=down, up=up: unet(
            padding_mode="valid", downsample=down, upsample=up, residual=True, activation="leaky_relu"
        )
        for down, up in (("max", "transposed"), ("blur", "interpolate"), ("average", "interpolate"))
    },
    **{f"scale_unet2d, {norm}": lambda norm=norm: scale_unet(norm=norm, finest=0.7) for norm in NORMS[1:]},
    "scale_unet2d, choice": lambda: scale_unet(projection="choice", train_scales=2, residual=True),
    "scale_unet3d": lambda: scale_unet(dims=3, projection="max"),
    **{f"kernels, {norm}": lambda norm=norm: scale_unet(norm=norm, scale_extent=2, **KERNELS) for norm in NORMS},
    "kernels, learned": lambda: scale_unet(norm="batch", scale_extent=3, **KERNELS, **LEARNED),
    "kernels, 3-D, separable": lambda: scale_unet(dims=3, method="separable", **KERNELS),
    "orbit of unet": lambda: OrbitAverage(unet(), "d4"),
}


def seasoned(net: nn.Module) -> nn.Module:
    """Network in evaluation mode with random statistics, scales and shifts of its norms."""
    for layer in net.modules():
        if getattr(layer, "running_mean", None) is not None:
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
        for name in ("weight", "bias") if not isinstance(layer, FieldBias) else ("bias",):
            value = getattr(layer, name, None)
            if isinstance(value, nn.Parameter) and value.dim() == 1:
                nn.init.normal_(value, mean=float(name == "weight"), std=0.3)
    return net.eval()


def made(case: str) -> nn.Module:
    torch.manual_seed(0)
    return seasoned(CASES[case]())


def sides_for(case: str) -> tuple[int, ...]:
    """Sides for a case: an even and an odd one that need padding; two odd ones for networks of odd sizes only."""
    return (15, 21) if case == "e2unet, learned" else (14, 15)
