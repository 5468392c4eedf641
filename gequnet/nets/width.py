"""Width rules: how wide a network must be to spend as much of a budget as the baseline does.

The budget is measured on the networks as they are built, never by a formula: widening an equivariant net by the
square root of its group's order, say, misses the baseline's parameters by a factor of 0.4 to 0.7.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import nn

from gequnet.errors import ConfigError

Build = Callable[..., nn.Module]


@runtime_checkable
class WidthRule(Protocol):
    """Finds the widths at which ``build(widths)`` equals a baseline in some budget."""

    def solve(self, build: Build) -> list[int]:
        """One width for each level, finest first."""


def parameters(net: nn.Module) -> int:
    """Number of learned parameters."""
    return sum(p.numel() for p in net.parameters())


def field_size(net: nn.Module) -> int:
    """Channels that one unit of width stands for: 1 in a plain net, the size of a regular field in an E2UNet."""
    group = getattr(net, "group", None)
    return 1 if group is None else group.regular.size


def on_paper(build: Build, widths: Sequence[int]) -> nn.Module:
    """The network without its memory: built on the meta device, to be measured."""
    with torch.device("meta"):
        return build(widths=list(widths))


class FixedWidth:
    """The widths that are given."""

    def __init__(self, widths: Sequence[int]) -> None:
        self.widths = list(widths)

    def solve(self, build: Build) -> list[int]:
        """The widths as they are."""
        return self.widths


def continued(widths: Sequence[int], depth: int | None) -> list[float]:
    """The widths of ``depth`` levels: cut off, or continued by the ratio of the last two (by 2 after a single one)."""
    levels = [float(width) for width in widths]
    ratio = levels[-1] / levels[-2] if len(levels) > 1 else 2.0
    while depth is not None and len(levels) < depth:
        levels.append(levels[-1] * ratio)
    return levels[:depth]


class ChannelWidth:
    """As many channels at each level as the baseline has, to the nearest whole field.

    Args:
        widths: the baseline's.
        depth: number of levels, if it is not that of the widths; see ``continued``.
    """

    def __init__(self, widths: Sequence[int], depth: int | None = None) -> None:
        self.widths = continued(widths, depth)

    def solve(self, build: Build) -> list[int]:
        """The baseline's channels divided by those of a field."""
        size = field_size(on_paper(build, [1] * len(self.widths)))
        return [max(1, round(width / size)) for width in self.widths]


class ParameterWidth:
    """As many parameters as the baseline has, in levels of the baseline's proportions.

    Args:
        baseline: builds the baseline from its widths.
        widths: the baseline's own widths, which also set the proportions.
        depth: number of levels of the network, if it is not the baseline's: the budget stays, and the proportions are
            continued, see ``continued``.
    """

    def __init__(self, baseline: Build, widths: Sequence[int], depth: int | None = None) -> None:
        self.baseline, self.baseline_widths = baseline, list(widths)
        self.proportions = continued(widths, depth)

    def solve(self, build: Build) -> list[int]:
        """The widths with the nearest number of parameters among those within one of the scaled baseline's."""
        budget = parameters(on_paper(self.baseline, self.baseline_widths))

        def miss(widths: Iterable[int]) -> float:
            return abs(math.log(parameters(on_paper(build, list(widths))) / budget))

        scale = self._scale(build, budget)
        ideal = [scale * width for width in self.proportions]
        nearby = [sorted({max(1, math.floor(w)), max(1, math.ceil(w))}) for w in ideal]
        return list(min(itertools.product(*nearby), key=miss))

    def _scale(self, build: Build, budget: int) -> float:
        """The factor on the baseline's widths that meets the budget if widths were real numbers, by bisection."""
        low, high = 0.0, 1.0
        while self._at(build, high) < budget:
            low, high = high, 2 * high
            if high > 64:
                raise ConfigError(f"no width of this network reaches the baseline's {budget} parameters")
        while max(self.proportions) * (high - low) > 0.25:
            middle = (low + high) / 2
            low, high = (middle, high) if self._at(build, middle) < budget else (low, middle)
        return (low + high) / 2

    def _at(self, build: Build, scale: float) -> int:
        return parameters(on_paper(build, [max(1, round(scale * width)) for width in self.proportions]))
