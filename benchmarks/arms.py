"""Time of the arms of a study: a training step and a test image, relative to the U-Net of the same baseline.

    python benchmarks/arms.py --study drive_groups --rounds 9 data.patch_size=96 trainer.precision=bf16-mixed
    python benchmarks/arms.py --study scale_shift --steps 12 data=msd      # volumes; networks with random scales

Interleaved in one process, like benchmarks/step.py. Times in the results of runs depend on the machine and its load;
the times of this table can be compared.
"""

import argparse
import statistics
from contextlib import nullcontext

import torch
from omegaconf import DictConfig
from step import eval_pass, quoted, ratios, train_step
from torch import Tensor, nn

from gequnet.config.build import build_net
from gequnet.config.compose import arms_of, compose, resolve

WIDTHS = ("params", "channels")


def arms(study: str, overrides: list[str]) -> dict[str, DictConfig]:
    """Configuration of each network of a study; arms that differ in training only are one network."""
    typed = [f"experiment={study}", *overrides]
    found: dict[str, DictConfig] = {}
    for width in WIDTHS:
        for arm, words in arms_of(typed).items():
            if not any(word.startswith("augment=") for word in words):
                found[f"{arm}, {width}"] = resolve(compose([*typed, *words, f"width={width}", "paths.run=none"]))
    return found


def sides_of(cfg: DictConfig) -> list[int]:
    """Sides of a training patch, in pixels."""
    sides, dims = cfg.data.patch_size, cfg.data.spatial_dims
    return [sides] * dims if isinstance(sides, int) else list(sides)


def test_sides(cfg: DictConfig, typed: str | None) -> list[int]:
    """Sides of a test image, in pixels: those of the command line, else of a DRIVE image, or of a patch for volumes."""
    if typed is None:
        return [584, 565] if cfg.data.spatial_dims == 2 else sides_of(cfg)
    return [int(side) for side in typed.split(",")]


def in_precision(cfg: DictConfig, net: nn.Module, image: Tensor, steps: int) -> None:
    """Runs training steps in the precision of the study's trainer."""
    mixed = cfg.trainer.precision == "bf16-mixed"
    with torch.autocast(image.device.type, torch.bfloat16) if mixed else nullcontext():
        for _ in range(steps):
            train_step(net, image)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", default="drive_groups")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=1, help="of training in a round; several where steps differ")
    parser.add_argument("--sides", help="of a test image, in pixels, as in 35,50,35")
    parser.add_argument("overrides", nargs="*")
    args = parser.parse_args()
    configs = arms(args.study, args.overrides)
    nets = {name: build_net(cfg) for name, cfg in configs.items()}
    cfg = next(iter(configs.values()))
    patches = torch.randn(cfg.data.batch_size, cfg.data.in_channels, *sides_of(cfg))
    steps = ratios(nets, lambda net, image: in_precision(cfg, net, image, args.steps), patches, args.rounds)
    whole = torch.randn(1, cfg.data.in_channels, *test_sides(cfg, args.sides))
    tests = ratios({name: net.eval() for name, net in nets.items()}, eval_pass, whole, args.rounds)
    print("| | widths | ms a step | ratio | ms a test image | ratio |\n|---|---|---:|---:|---:|---:|")
    for name, net in nets.items():
        plain = f"U-Net, {configs[name].chosen.width}"
        step, test = (1000 * statistics.median(times[name]) for times in (steps, tests))
        against = [quoted(times[name], times[plain]) if name != plain else "1" for times in (steps, tests)]
        print(f"| {name} | {list(net.widths)} | {step / args.steps:.0f} | {against[0]} | {test:.0f} | {against[1]} |")


if __name__ == "__main__":
    main()
