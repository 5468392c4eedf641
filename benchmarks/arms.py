"""What the arms of a study cost in time: a training step and a test image, against the U-Net of the same baseline.

    python benchmarks/arms.py --study drive_groups --rounds 9 data.patch_size=96 trainer.precision=bf16-mixed

Interleaved in one process, like benchmarks/step.py. The times that runs report are taken wherever they ran, beside
whatever else that machine did; these are the ones to compare.
"""

import argparse
from contextlib import nullcontext

import torch
from omegaconf import DictConfig, OmegaConf
from step import eval_pass, quoted, ratios, train_step
from torch import Tensor, nn

from gequnet.composition import CONF, compose, settle
from gequnet.experiment import build_net

WIDTHS = ("params", "channels")


def arms(study: str, overrides: list[str]) -> dict[str, DictConfig]:
    """The configuration of each network of the study; arms that differ in training only are one network."""
    file = OmegaConf.load(CONF / "experiment" / f"{study}.yaml")
    found: dict[str, DictConfig] = {}
    for width in WIDTHS:
        for arm, words in file.hydra.sweeper.arms.items():
            if not any(word.startswith("augment=") for word in words):
                given = [f"experiment={study}", *overrides, *words, f"width={width}", "paths.run=none"]
                found[f"{arm}, {width}"] = settle(compose(given))
    return found


def in_precision(cfg: DictConfig, net: nn.Module, image: Tensor) -> None:
    """A training step as the study's trainer would make it."""
    mixed = cfg.trainer.precision == "bf16-mixed"
    with torch.autocast(image.device.type, torch.bfloat16) if mixed else nullcontext():
        train_step(net, image)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", default="drive_groups")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--sides", type=int, nargs=2, default=[584, 565], help="of a test image, in pixels")
    parser.add_argument("overrides", nargs="*")
    args = parser.parse_args()
    configs = arms(args.study, args.overrides)
    nets = {name: build_net(cfg) for name, cfg in configs.items()}
    cfg = next(iter(configs.values()))
    patches = torch.randn(cfg.data.batch_size, cfg.data.in_channels, *[cfg.data.patch_size] * 2)
    steps = ratios(nets, lambda net, image: in_precision(cfg, net, image), patches, args.rounds)
    whole = torch.randn(1, cfg.data.in_channels, *args.sides)
    tests = ratios({name: net.eval() for name, net in nets.items()}, eval_pass, whole, args.rounds)
    print("| | widths | ms a step | ratio | ms a test image | ratio |\n|---|---|---:|---:|---:|---:|")
    for name, net in nets.items():
        plain = f"U-Net, {configs[name].chosen.width}"
        step, test = (f"{1000 * sorted(times[name])[len(times[name]) // 2]:.0f}" for times in (steps, tests))
        against = [quoted(times[name], times[plain]) if name != plain else "1" for times in (steps, tests)]
        print(f"| {name} | {list(net.widths)} | {step} | {against[0]} | {test} | {against[1]} |")


if __name__ == "__main__":
    main()
