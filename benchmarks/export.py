"""Time of exported plain networks: compared with a U-Net of the same channels, and on a photograph by several runtimes.

    python benchmarks/export.py --rounds 9

First table: an evaluation pass of the network, of its plain network (the export) and of a U-Net of the same channels,
which keeps its batch norms; ratios to the U-Net. Second table: a 512 x 512 image through a C8 network of about 62
thousand parameters: the network, its plain network, its ONNX file in onnxruntime, and the same network of escnn's
modules, which keeps its expanded kernels in evaluation. Runs are interleaved in one process; the tables have medians
and quartiles of pairs within a round.
"""

import argparse
import platform
import statistics
from pathlib import Path
from tempfile import TemporaryDirectory

import escnn_unet
import onnxruntime
import torch
from step import eval_pass, quoted, ratios, solved
from torch import Tensor, nn

from gequnet.export import onnx_file, plain_network, torch_program
from gequnet.nets.costs import parameters
from gequnet.nets.e2unet import E2UNet
from gequnet.nets.unet import UNet

GROUPS = ("c4", "c8", "d4", "so2")
SAMPLED_WIDTHS = [6, 12, 22]  # for SO(2), whose fields have no max pooling


class InRuntime(nn.Module):
    """An ONNX file as a module."""

    def __init__(self, path: Path, threads: int) -> None:
        super().__init__()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def forward(self, image: Tensor) -> Tensor:
        """Image to logits."""
        return torch.from_numpy(self.session.run(None, {"image": image.numpy()})[0])


def against_plain(group: str, args: argparse.Namespace) -> str:
    """One line of the first table."""
    torch.manual_seed(0)
    down = "blur" if group == "so2" else args.downsample
    widths = SAMPLED_WIDTHS if group == "so2" else solved("62 k", group)
    net = E2UNet(3, 1, widths, group, downsample=down).eval()
    size = net.group.regular.size
    nets = {
        "net": net,
        "exported": plain_network(net),
        "unet": UNet(3, 1, [size * w for w in widths], downsample=down).eval(),
    }
    times = ratios(nets, eval_pass, torch.randn(1, 3, args.side, args.side), args.rounds)
    cells = [f"{1e3 * statistics.median(times['exported']):.0f}"]
    cells += [quoted(times["exported"], times["unet"]), quoted(times["net"], times["unet"])]
    return f"| {group} | {parameters(net):,} | {widths} | {down} | " + " | ".join(cells) + " |"


def photograph(args: argparse.Namespace) -> list[str]:
    """The lines of the second table."""
    torch.manual_seed(0)
    widths, image = solved("62 k", "c8"), torch.randn(1, 3, 512, 512)
    net = E2UNet(3, 1, widths, "c8", downsample=args.downsample).eval()
    plain = plain_network(net)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "net.onnx"
        onnx_file.write_onnx(torch_program.record(plain, 3, 2), path, {})
        nets: dict[str, nn.Module] = {"the network": net, "its plain network": plain}
        nets["its ONNX file in onnxruntime"] = InRuntime(path, args.threads)
        peer = escnn_unet.build(3, 1, widths, "c8").eval()
        nets["escnn's modules"] = peer
        times = ratios(nets, eval_pass, image, args.rounds)
    peers = times["escnn's modules"]
    return [f"| {name} | {statistics.median(taken):.3f} | {quoted(taken, peers)} |" for name, taken in times.items()]


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--side", type=int, default=256, help="of the image of the first table")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--groups", nargs="*", default=GROUPS)
    parser.add_argument("--downsample", default="max", help="of all groups but so2")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print(f"torch {torch.__version__}, Python {platform.python_version()}, CPU, {args.threads} threads")
    print(
        "| group | parameters | fields | downsample | plain network ms | plain network / U-Net | network / U-Net |\n"
        + "|---" * 7
        + "|"
    )
    for group in args.groups:
        print(against_plain(group, args), flush=True)
    print("\n| 512 x 512 | seconds | ratio to escnn's |\n|---|---|---|")
    print("\n".join(photograph(args)))


if __name__ == "__main__":
    main()
