"""Step time and memory of the U-Net, C8 and D8 with equal parameters, in float32 and in bfloat16.

    python benchmarks/gpu.py --rounds 9                    # on a GPU
    python benchmarks/gpu.py --rounds 3 --device cpu       # times only

Interleaved in one process: each round times every network in every precision once. The ratios are to the U-Net in
float32 within a round; the table gives the median ratio and the quartiles.
"""

import argparse
import platform
import statistics
from collections.abc import Callable, Iterator

import torch
from step import eval_pass, quoted, ratios, solved, train_step
from torch import Tensor, nn

from gequnet.nets.costs import parameters
from gequnet.nets.e2unet import E2UNet
from gequnet.nets.unet import UNet

BASELINE = [12, 24, 45]
PRECISIONS = {"fp32": False, "bf16": True}


class Autocast(nn.Module):
    """A network whose passes run under autocast to bfloat16, as with trainer.precision=bf16-mixed.

    Args:
        net: the network.
        enabled: True for autocast, False for float32.
    """

    def __init__(self, net: nn.Module, enabled: bool) -> None:
        super().__init__()
        self.net, self.enabled = net, enabled

    def forward(self, image: Tensor) -> Tensor:
        """Image to logits in float32."""
        with torch.autocast(image.device.type, torch.bfloat16, enabled=self.enabled):
            logits: Tensor = self.net(image)
        return logits.float()


def networks(scale: int) -> dict[str, nn.Module]:
    """The U-Net of 62 thousand parameters, or ``scale`` times as wide, and networks of two groups with as many."""
    plain = [scale * width for width in BASELINE]
    made: dict[str, nn.Module] = {"U-Net": UNet(3, 1, plain, downsample="max")}
    for group in ("c8", "d8"):
        widths = [scale * width for width in solved("62 k", group)]
        made[group.upper()] = E2UNet(3, 1, widths, group, downsample="max")
    return made


def peak_mib(run: Callable[[nn.Module, Tensor], None], net: nn.Module, image: Tensor) -> float:
    """Peak memory on the device during one call, weights and image included; nan on a CPU."""
    if not image.is_cuda:
        return float("nan")
    torch.cuda.reset_peak_memory_stats()
    run(net, image)
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() / 2**20


def rows(nets: dict[str, nn.Module], args: argparse.Namespace) -> Iterator[str]:
    """The lines of the table: training steps, then passes over a whole image."""
    cases = {(name, p): Autocast(net, on) for name, net in nets.items() for p, on in PRECISIONS.items()}
    shapes = {"training": (args.batch, 3, args.patch, args.patch), "evaluation": (1, 3, args.side, args.side)}
    for what, shape in shapes.items():
        image, run = torch.randn(shape, device=args.device), train_step if what == "training" else eval_pass
        for net in nets.values():
            net.to(args.device).train(what == "training")
        times = ratios(cases, run, image, args.rounds)
        for (name, precision), seconds in times.items():
            milliseconds = f"{1e3 * statistics.median(seconds):.1f}"
            ratio = quoted(seconds, times["U-Net", "fp32"])
            memory = peak_mib(run, cases[name, precision], image)
            size = f"{parameters(nets[name]):,}".replace(",", " ")
            yield f"| {what} | {name} | {size} | {precision} | {milliseconds} | {ratio} | {memory:.0f} |"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--batch", type=int, default=8, help="of patches in training")
    parser.add_argument("--patch", type=int, default=128, help="side of a patch")
    parser.add_argument("--side", type=int, default=512, help="of the image in evaluation")
    parser.add_argument("--scale", type=int, default=1, help="widths as many times as large")
    parser.add_argument("--device", default="cuda")
    args = parser.parse_args()
    torch.manual_seed(0)
    device = torch.cuda.get_device_name() if args.device == "cuda" else f"CPU, {torch.get_num_threads()} thread(s)"
    print(f"torch {torch.__version__}, Python {platform.python_version()}, {device}; {args.rounds} rounds")
    print("| pass | network | parameters | precision | ms | ratio to the U-Net in fp32 | peak MiB |")
    print("|" + 7 * "---|")
    for line in rows(networks(args.scale), args):
        print(line, flush=True)


if __name__ == "__main__":
    main()
