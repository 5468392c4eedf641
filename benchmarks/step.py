"""Time of a training step and of an evaluation pass: ours, a plain U-Net of the same channels, and escnn's modules.

    python benchmarks/step.py --rounds 9

Interleaved in one process: each round times every network once, and the ratios are of times within a round, so that a
machine with a changing speed does not favour one of them. The table gives the median ratio and the quartiles.
"""

import argparse
import platform
import statistics
import time
from collections.abc import Callable

import escnn_unet
import torch
from torch import Tensor, nn

from gequnet.nets.costs import parameters
from gequnet.nets.e2unet import E2UNet
from gequnet.nets.unet import UNet
from gequnet.nets.width import BudgetWidth

# Plain U-Nets of about 63 and 650 thousand parameters: the budgets that the groups' widths are solved for.
BASELINES = {"62 k": [12, 24, 45], "650 k": [39, 78, 144]}
GROUPS = ("c4", "c8", "d4", "d8")


def train_step(net: nn.Module, image: Tensor) -> None:
    """Forward, backward, and a small step down the gradient."""
    net(image).square().mean().backward()
    for parameter in net.parameters():
        if parameter.grad is not None:
            parameter.data.add_(parameter.grad, alpha=-1e-6)
            parameter.grad = None


def eval_pass(net: nn.Module, image: Tensor) -> None:
    """Forward without gradients."""
    with torch.inference_mode():
        net(image)


def seconds(run: Callable[[nn.Module, Tensor], None], net: nn.Module, image: Tensor) -> float:
    """Wall time of one call, synchronised with the device before and after."""
    wait = torch.cuda.synchronize if image.is_cuda else lambda: None
    wait()
    start = time.perf_counter()
    run(net, image)
    wait()
    return time.perf_counter() - start


def ratios(nets: dict[str, nn.Module], run: Callable, image: Tensor, rounds: int) -> dict[str, list[float]]:
    """Seconds of each network, one for each round, after two rounds of warming up."""
    times: dict[str, list[float]] = {name: [] for name in nets}
    for index in range(rounds + 2):
        for name, net in nets.items():
            elapsed = seconds(run, net, image)
            if index >= 2:
                times[name].append(elapsed)
    return times


def quoted(ours: list[float], theirs: list[float]) -> str:
    """The median of the pairwise ratios and their quartiles."""
    pairs = [a / b for a, b in zip(ours, theirs, strict=True)]
    low, middle, high = statistics.quantiles(pairs, n=4)
    return f"{middle:.2f} ({low:.2f}-{high:.2f})"


def solved(budget: str, group: str) -> list[int]:
    """Fields at each level that meet the budget."""
    rule = BudgetWidth("parameters", lambda widths: UNet(3, 1, widths, downsample="max"), BASELINES[budget], sides=128)
    return rule.match(lambda widths: E2UNet(3, 1, widths, group, downsample="max")).widths


def row(group: str, budget: str, args: argparse.Namespace) -> str:
    """One line of the table."""
    torch.manual_seed(0)
    widths = solved(budget, group)
    ours = E2UNet(3, 1, widths, group, downsample="max")
    size = ours.group.regular.size
    nets = {
        "ours": ours,
        "plain": UNet(3, 1, [size * w for w in widths], downsample="max"),
        "escnn": escnn_unet.build(3, 1, widths, group),
    }
    assert parameters(nets["escnn"]) == parameters(ours), "the peer is not the same network"
    nets = {name: net.to(args.device) for name, net in nets.items()}
    cells = []
    for run, training, shape in (
        (train_step, True, (args.batch, 3, 128, 128)),
        (eval_pass, False, (1, 3, args.side, args.side)),
    ):
        image = torch.randn(shape, device=args.device)
        for net in nets.values():
            net.train(training)
        times = ratios(nets, run, image, args.rounds)
        cells += [f"{1e3 * statistics.median(times['ours']):.0f}"]
        cells += [quoted(times["ours"], times["plain"]), quoted(times["ours"], times["escnn"])]
    return f"| {group} | {parameters(ours):,} | {widths} | " + " | ".join(cells) + " |"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--batch", type=int, default=4, help="of 128x128 patches in training")
    parser.add_argument("--side", type=int, default=256, help="of the image in evaluation")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--groups", nargs="+", default=GROUPS)
    parser.add_argument("--budgets", nargs="+", default=list(BASELINES))
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    device = torch.cuda.get_device_name() if args.device == "cuda" else f"CPU, {args.threads} thread(s)"
    print(f"torch {torch.__version__}, Python {platform.python_version()}, {device}; {args.rounds} rounds")
    columns = "group, parameters, fields, train ms, train / plain, train / escnn, eval ms, eval / plain, eval / escnn"
    print("| " + columns.replace(", ", " | ") + " |")
    print("|" + 9 * "---|")
    for budget in args.budgets:
        for group in args.groups:
            print(row(group, budget, args), flush=True)


if __name__ == "__main__":
    main()
