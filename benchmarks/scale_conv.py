"""Time and memory of a training step of scale-equivariant convolutions and networks on a volume of 61^3 voxels.

    python benchmarks/scale_conv.py --rounds 9
    python benchmarks/scale_conv.py --rounds 9 --published <clone of wimmerth/scale-equivariant-3d-convnet>

Four scales in steps of 1/.9, channels 4, 8, 16 and 32, batch 1: the published configuration. A layer is timed first, by
itself, then whole networks. Interleaved in one process, see step.py; memory is what autograd keeps for the backward.

The published network convolves at full resolution once, in its last layer: its first has stride 2. Ours convolve there
four times, as plain U-Nets do. The rows "with our layers" compare the layers alone.
"""

import argparse
import contextlib
import copy
import io
import platform
import statistics
import sys
from collections.abc import Callable

import torch
import torch.nn.functional as F
from step import quoted, ratios, train_step
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from gequnet.layers.pyramid import resample
from gequnet.layers.scale import ScaleConv, ScaleLift
from gequnet.layers.scale_maps import EveryScale
from gequnet.nets.costs import parameters
from gequnet.nets.scale_unet import ScaleUNet
from gequnet.nets.unet import UNet
from gequnet.symmetry.hermite import Hermite, HermiteBasis, orders_below, orders_up_to
from gequnet.symmetry.scale_group import ScaleGroup

SIDE, CHANNELS, SCALES, RATIO = 61, [4, 8, 16, 32], 4, 1 / 0.9


class Grouped(ScaleConv):
    """The convolution as published: one group for each scale, in PyTorch's default layout."""

    def _dense(self, x: Tensor, kernels: Tensor, output_padding: int | list[int]) -> Tensor:
        x = x.transpose(1, 2).flatten(1, 2).contiguous()
        y = F.conv3d(x, kernels.flatten(0, 1).contiguous(), None, self.stride, self.padding, groups=self.scales)
        return y.unflatten(1, (self.scales, -1)).transpose(1, 2).contiguous()


class OnGrids(nn.Module):
    """A module of one scale, applied to a grid of its own for each scale; the sum of each result.

    The grids are filled beforehand: in a network maps stay on them, and only the image and the logits are resampled.
    """

    def __init__(self, module: nn.Module, grids: list[Tensor]) -> None:
        super().__init__()
        self.module, self.grids = module, grids

    def forward(self, x: Tensor) -> Tensor:
        """Sum over the pixels of each grid, so that there are gradients."""
        return torch.stack([self.module(grid).sum() for grid in self.grids])


def layers(side: int, functions: list[Hermite], maps: Tensor) -> dict[str, nn.Module]:
    """One convolution of 4 channels to 4 in each form."""
    sigmas = [RATIO**scale for scale in range(SCALES)]
    make = {"grouped": Grouped, "dense": ScaleConv, "separable": ScaleConv}
    nets: dict[str, nn.Module] = {
        name: kind(4, 4, HermiteBasis(functions, sigmas, side), method="separable" if name == "separable" else "dense")
        for name, kind in make.items()
    }
    grids = [resample(maps[:, :, :1], [round(SIDE / sigma)] * 3, sigma) for sigma in sigmas]
    nets["resampled"] = OnGrids(ScaleConv(4, 4, HermiteBasis(functions, sigmas[:1], side)), grids)
    return nets


def networks(published: str | None, volume: Tensor) -> dict[str, nn.Module]:
    """The published network, the same with our layers, ours at two levels of cost, and plain ones."""
    group, found = ScaleGroup(RATIO, SCALES), {}
    if published:
        scales = [1 / RATIO**scale for scale in range(SCALES)]
        found["published"] = published_net(published, scales)
        found["published, our layers"] = with_our_layers(found["published"], scales)
        single = with_our_layers(published_net(published, scales[:1]), scales[:1])
        # Of the sides that their network takes, 8 n + 5, the nearest.
        sides = [8 * round((SIDE * scale - 5) / 8) + 5 for scale in scales]
        grids = [resample(volume, [side] * 3, 1 / scale) for side, scale in zip(sides, scales, strict=True)]
        found["published, our layers, resampled"] = OnGrids(single, grids)
    return found | {
        "ours, plain U-Net": UNet(1, 1, CHANNELS, spatial_dims=3),
        "ours, 4 x the channels": UNet(1, 1, [SCALES * width for width in CHANNELS], spatial_dims=3),
        "ours, all scales": ScaleUNet(1, 1, CHANNELS, group, kernel_size=5, sigma=1.0, train_scales=None),
        "ours, one random scale": ScaleUNet(1, 1, CHANNELS, group, kernel_size=5, sigma=1.0),
        "ours, default": ScaleUNet(1, 1, CHANNELS, ScaleGroup(2**0.5, SCALES)),
    }


def published_net(folder: str, scales: list[float]) -> nn.Module:
    """The authors' network with the settings of their experiments, from a clone of their repository."""
    if folder not in sys.path:
        sys.path.insert(0, folder)
    with contextlib.redirect_stdout(io.StringIO()):
        from models.unet.unet import UNet as Published  # type: ignore[import-not-found]

        torch.manual_seed(0)
        return Published(
            in_channels=1, out_channels=1, channels=CHANNELS, strides=[2, 2, 2], kernel_size=5, effective_size=3,
            scales=scales, basis_type="multi", num_res_units=2, act="silu", norm="batch", reduction="avg",
        )  # fmt: skip


def with_our_layers(net: nn.Module, scales: list[float]) -> nn.Module:
    """The authors' network, each convolution replaced by ours with its weights; the function stays the same."""
    twin = copy.deepcopy(net)
    basis = HermiteBasis(orders_up_to(4, 3, count=27), scales, 5)
    for parent in list(twin.modules()):
        for name, layer in list(parent.named_children()):
            if type(layer).__name__ not in ("SESConv_Z3_H", "SESConv_H_H"):
                continue
            kind = ScaleLift if type(layer).__name__ == "SESConv_Z3_H" else ScaleConv
            ours = kind(
                layer.in_channels, layer.out_channels, basis, stride=layer.stride, padding=layer.padding,
                bias=layer.bias is not None, transposed=layer.transposed,
            )  # fmt: skip
            ours.load_state_dict({"weight": layer.weight.reshape(ours.weight.shape), "bias": layer.bias})
            setattr(parent, name, ours)
    volume = torch.randn(1, 1, 29, 29, 29)
    torch.testing.assert_close(twin(volume), net(volume), atol=1e-4, rtol=1e-4)
    return twin


def kept_bytes(net: nn.Module, x: Tensor) -> int:
    """Bytes that autograd keeps for the backward pass, without parameters; every storage once."""
    kept: dict[int, int] = {}
    owned = {p.untyped_storage().data_ptr() for p in (*net.parameters(), *net.buffers())}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in owned:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        result = net(x)
    del result
    return sum(kept.values())


def table(
    title: str, nets: dict[str, nn.Module], x: Tensor, rounds: int, run: Callable[[nn.Module, Tensor], None]
) -> None:
    """Prints a line for each network: milliseconds, the ratio to the first, memory and its ratio."""
    times = ratios(nets, run, x, rounds)
    first = next(iter(nets))
    memory = {name: kept_bytes(net, x) for name, net in nets.items()}
    print(f"\n| {title} | parameters | ms | / {first} | kept MB | / {first} |\n|---|---|---|---|---|---|")
    for name, net in nets.items():
        print(
            f"| {name} | {parameters(net):,} | {1e3 * statistics.median(times[name]):.0f} | "
            f"{quoted(times[name], times[first])} | {memory[name] / 2**20:.0f} | {memory[name] / memory[first]:.2f} |",
            flush=True,
        )


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--published", help="a clone of the authors' repository, to run their network beside ours")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    versions = f"torch {torch.__version__}, Python {platform.python_version()}"
    print(f"{versions}, CPU, {args.threads} thread(s); {args.rounds} rounds")
    torch.manual_seed(0)
    maps = EveryScale(SCALES)(torch.randn(1, 4, *[SIDE] * 3)).contiguous()
    for side, functions in ((5, orders_below(3, 3)), (5, orders_up_to(2, 3)), (11, orders_up_to(2, 3))):
        nets = layers(side, functions, maps)
        table(f"layer, {side} taps, {len(functions)} functions", nets, maps, args.rounds, train_step)
    volume = torch.randn(1, 1, *[SIDE] * 3)
    table("network", networks(args.published, volume), volume, args.rounds, train_step)


if __name__ == "__main__":
    main()
