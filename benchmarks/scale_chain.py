"""Equivariance error of untrained layers and networks under one step of their window of scales.

    python benchmarks/scale_chain.py

Scenes are drawn at both magnifications. For each scale but the last: the relative error of F_{i+1} of the magnified
scene against F_i of the scene, magnified (the chain); and that of F_i against the same (the error without scales).
"""

import argparse
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from gequnet.layers.scale import ScaleLift
from gequnet.nets.scale_unet import ScaleUNet
from gequnet.symmetry.drawings import Blobs
from gequnet.symmetry.equivariance import scale_errors
from gequnet.symmetry.hermite import HermiteBasis, orders_up_to
from gequnet.symmetry.scale_group import ScaleGroup

ROOT = 2**0.5
SIDES = {2: 256, 3: 72}
RADII = {2: (4.0, 8.0), 3: (3.0, 4.0)}
KERNELS = {"form": "kernels", "train_scales": None, "norm": "batch", "method": "separable"}


def percent(values: Sequence[float]) -> str:
    """Errors in percent, finest scale first."""
    return " / ".join(f"{100 * value:.1f}" for value in values)


def line(
    name: str, maps: Callable[[Tensor], Tensor], ratio: float, dims: int, side: int, softness: float | None
) -> None:
    """Prints one line of the table, the mean over three scenes."""
    found = []
    for seed in range(3):
        blobs = Blobs.scattered(seed, dims, 0.135 * side, count=20, radius=RADII[dims], softness=softness)
        pair = blobs.draw(side), blobs.draw(side, ratio)
        found.append(scale_errors(maps, *pair, ratio, margin=round(0.38 * side)))
    chain, same = ([sum(each) / len(each) for each in zip(*kind, strict=True)] for kind in zip(*found, strict=True))
    print(
        f"| {name} | {'Gaussians' if softness is None else 'balls'} | {percent(chain)} | {percent(same)} |", flush=True
    )


def lift(dims: int, ratio: float) -> ScaleLift:
    """One lifting layer: seven taps to a sigma of .9, in proportion at each of three scales."""
    torch.manual_seed(0)
    sigmas = [0.9 * ratio**scale for scale in range(3)]
    side = 2 * round((7 * ratio**2 - 1) / 2) + 1
    return ScaleLift(1, 8, HermiteBasis(orders_up_to(2, dims), sigmas, side), method="separable")


def net(dims: int, ratio: float = ROOT, norm: str = "none", **settings: object) -> ScaleUNet:
    """An untrained network; with batch norm its statistics are those of 40 scenes."""
    torch.manual_seed(0)
    widths, count = ([4, 8, 16], 4) if dims == 2 else ([4, 8], 3)
    made = ScaleUNet(1, 2, widths, ScaleGroup(ratio, count), spatial_dims=dims, **{"norm": norm} | settings)
    if norm == "batch":
        for first in range(0, 40, 4):
            made(
                torch.cat(
                    [Blobs.scattered(100 + first + n, dims, 17.0, radius=RADII[dims]).draw(128) for n in range(4)]
                )
            )
    return made.eval()


def main() -> None:
    """Prints the table."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    torch.set_num_threads(1)
    print("| what | scenes | chain, % | same scale, % |\n|---|---|---|---|")
    for dims in (2, 3):
        line(f"lifting, {dims}-D, step 1.26", lift(dims, 1.26), 1.26, dims, 160 if dims == 2 else 64, None)
    for dims in (2, 3):
        for side in (SIDES[dims], SIDES[dims] - 1):
            for softness in (None, 0.15):
                name = f"U-Net on many grids, {dims}-D, side {side}, step 1.41"
                line(name, net(dims).maps, ROOT, dims, side, softness)
    kernels = {**KERNELS, "sigma": 1.2, "kernel_size": 9}
    learned = {"downsample": "strided", "upsample": "transposed"}
    for name, settings in (("blurred", kernels), ("strided", kernels | learned)):
        line(
            f"U-Net of many kernels, 2-D, {name}, step 1.19", net(2, 1 / 0.84, **settings).maps, 1 / 0.84, 2, 256, None
        )


if __name__ == "__main__":
    main()
