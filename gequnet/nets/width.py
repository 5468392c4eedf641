"""Width rules: how wide a network must be to spend as much of a budget as the baseline does.

Budgets are measured on the networks as they are built, never by a formula: widening an equivariant net by the
square root of its group's order, say, misses the baseline's parameters by a factor of 0.4 to 0.7.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from gequnet.errors import ConfigError
from gequnet.nets.costs import BUDGETS, MEASURES, Sides, budgets, field_size
from gequnet.nets.width_search import fitted, ranked

Build = Callable[..., nn.Module]

# The largest relative deviation from the baseline's budget that still counts as equal.
BOUNDS = {"parameters": 0.01, "flops": 0.03, "activations": 0.03}
# What a budget is counted in, for sentences.
UNITS = {"parameters": "parameters", "channels": "channels", "flops": "FLOPs", "activations": "bytes of activations"}
# Networks that are measured before the search believes the best of their predictions.
FINALISTS = 5


@dataclass(frozen=True)
class Match:
    """Widths for a network, and how what it spends compares with the baseline.

    Args:
        widths: fields at each level, finest first.
        budget: the one that was to be equal; ``None`` if the widths were given.
        bound: its allowed relative deviation; ``None`` where each level has its own, in channels.
        met: whether the network keeps to it; ``None`` if the widths were given.
        ratios: every budget, the network's over the baseline's.
        achieved: every budget of the network.
        baseline: every budget of the baseline, and its ``widths``.
        kind: what the network is made of, such as ``fields of D8``.
    """

    widths: list[int]
    budget: str | None
    bound: float | None
    met: bool | None
    ratios: dict[str, float]
    achieved: dict[str, int]
    baseline: dict[str, Any]
    kind: str

    @property
    def miss(self) -> str | None:
        """Why the network does not keep to the bound, as a sentence; ``None`` where it does, or none is set."""
        if self.budget is None or self.met:
            return None
        wanted = f"{spaced(self.baseline[self.budget])} {UNITS[self.budget]}"
        reach = (
            f"comes within {percent(self.bound, 0)} of {wanted}" if self.bound else "has as many channels at each level"
        )
        excess = self.ratios[self.budget] - 1
        has = f"{percent(abs(excess))} {'more' if excess > 0 else 'fewer'}"
        return f"no shape like {self.baseline['widths']} in whole {self.kind} {reach}; {self.widths} has {has}"


class WidthRule(ABC):
    """Finds the widths at which ``build(widths=...)`` spends as much as a baseline.

    Args:
        baseline: builds the baseline from its widths.
        widths: the baseline's.
        sides: of the images that operations and activations are counted for, in pixels.
    """

    def __init__(self, baseline: Build, widths: Sequence[int], sides: Sides) -> None:
        self.baseline, self.baseline_widths, self.sides = baseline, list(widths), sides

    @abstractmethod
    def match(self, build: Build) -> Match:
        """The widths for a network, and what they achieve."""

    def compared(self, build: Build, widths: Sequence[int], budget: str | None = None) -> Match:
        """The network at these widths beside the baseline, every budget measured."""
        net, baseline = on_paper(build, widths), on_paper(self.baseline, self.baseline_widths)
        achieved, wanted = budgets(net, self.sides), budgets(baseline, self.sides)
        ratios = {name: achieved[name] / wanted[name] for name in BUDGETS}
        bound = BOUNDS.get(budget or "")
        met = None if bound is None or budget is None else abs(ratios[budget] - 1) <= bound
        return Match(
            widths=[int(width) for width in widths],
            budget=budget,
            bound=bound,
            met=met,
            ratios=ratios,
            achieved=achieved,
            baseline={"widths": self.baseline_widths, **wanted},
            kind=kind_of(net),
        )


class FixedWidth(WidthRule):
    """The widths that are given.

    Args:
        widths: the network's own.
        baseline: builds the baseline from its widths, which the network is compared with.
        baseline_widths: the baseline's.
        sides: of the images, in pixels.
    """

    def __init__(self, widths: Sequence[int], baseline: Build, baseline_widths: Sequence[int], sides: Sides) -> None:
        super().__init__(baseline, baseline_widths, sides)
        self.widths = list(widths)

    def match(self, build: Build) -> Match:
        """The widths as they are."""
        return self.compared(build, self.widths)


class ChannelWidth(WidthRule):
    """As many channels at each level as the baseline has, to the nearest whole field.

    A level that is nearer to no field at all than to one gets one, and the bound counts as missed.

    Args:
        baseline: builds the baseline from its widths.
        widths: the baseline's.
        depth: number of levels, if it is not that of the widths: the baseline is continued, see ``continued``.
        sides: of the images, in pixels.
    """

    def __init__(self, baseline: Build, widths: Sequence[int], sides: Sides, depth: int | None = None) -> None:
        super().__init__(baseline, [round(width) for width in continued(widths, depth)], sides)

    def match(self, build: Build) -> Match:
        """The baseline's channels divided by those of a field."""
        size = field_size(on_paper(build, [1] * len(self.baseline_widths)))
        widths = [max(1, round(width / size)) for width in self.baseline_widths]
        nearest = all(abs(size * w - b) <= size / 2 for w, b in zip(widths, self.baseline_widths, strict=True))
        return replace(self.compared(build, widths, "channels"), met=nearest)


class BudgetWidth(WidthRule):
    """As much of a budget as the baseline spends, in a shape like the baseline's.

    A polynomial, fitted to a few measured networks, says which of thousands of shapes come near; those are measured.
    Among the shapes within the bound the one nearest to the baseline's is taken; where no shape is, the one that misses
    least, see ``gequnet.nets.width_search``.

    Args:
        budget: ``parameters``, ``flops`` or ``activations``.
        baseline: builds the baseline from its widths.
        widths: the baseline's own widths, which also set the proportions.
        depth: number of levels of the network, if it is not the baseline's: the budget stays, and the proportions are
            continued, see ``continued``.
        sides: of the images, in pixels.

    Raises:
        ConfigError: there is no such budget.
    """

    def __init__(
        self, budget: str, baseline: Build, widths: Sequence[int], sides: Sides, depth: int | None = None
    ) -> None:
        super().__init__(baseline, widths, sides)
        if budget not in BOUNDS:
            raise ConfigError(
                f"width.budget={budget} is none of {', '.join(BOUNDS)} (for channels there is ChannelWidth)"
            )
        self.budget, self.proportions = budget, continued(widths, depth)

    def match(self, build: Build) -> Match:
        """The best of the measured."""

        def measure(widths: list[int]) -> int:
            return MEASURES[self.budget](on_paper(build, widths), self.sides)

        target = MEASURES[self.budget](on_paper(self.baseline, self.baseline_widths), self.sides)
        bound = BOUNDS[self.budget]
        shapes = ranked(fitted(measure, len(self.proportions)), self.proportions, target, bound)
        misses: list[tuple[float, list[int]]] = []
        for shape in shapes[:FINALISTS].tolist():
            misses.append((abs(measure(shape) / target - 1), shape))
            if misses[-1][0] <= bound:
                return self.compared(build, shape, self.budget)
        return self.compared(build, min(misses)[1], self.budget)


def continued(widths: Sequence[int], depth: int | None) -> list[float]:
    """The widths of ``depth`` levels: cut off, or continued by the ratio of the last two (by 2 after a single one)."""
    levels = [float(width) for width in widths]
    ratio = levels[-1] / levels[-2] if len(levels) > 1 else 2.0
    while depth is not None and len(levels) < depth:
        levels.append(levels[-1] * ratio)
    return levels[:depth]


def on_paper(build: Build, widths: Sequence[int]) -> nn.Module:
    """The network without its memory: built on the meta device, to be measured."""
    with torch.device("meta"):
        return build(widths=list(widths))


def kind_of(net: nn.Module) -> str:
    """What the widths of a network count: ``channels``, or ``fields of D8``."""
    group = getattr(net, "group", None)
    return "channels" if group is None else f"fields of {str(group).upper()}"


def spaced(number: int) -> str:
    """A number with its thousands apart: 62 913."""
    return f"{number:,}".replace(",", " ")


def percent(fraction: float, digits: int = 1) -> str:
    """A fraction in percent: 1.2 %."""
    return f"{100 * fraction:.{digits}f} %"
