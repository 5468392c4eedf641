"""Width rules: the widths at which a network has the same budget as the baseline.

Budgets are measured on the networks themselves, not computed by a formula. For example, widening an equivariant network
by the square root of its group's order misses the baseline's parameters by a factor of 0.4 to 0.7.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from gequnet.errors import ConfigError
from gequnet.nets.costs import BUDGETS, MEASURES, Sides, budgets, field_size
from gequnet.nets.width_search import fit_budget, rank_shapes

Build = Callable[..., nn.Module]

# Largest relative deviation from the baseline's budget that counts as equal.
BOUNDS = {"parameters": 0.01, "flops": 0.03, "activations": 0.03}
# Units of the budgets, for messages.
UNITS = {"parameters": "parameters", "channels": "channels", "flops": "FLOPs", "activations": "bytes of activations"}
# Number of networks that are measured after the ranking by predictions.
FINALISTS = 5


@dataclass(frozen=True)
class WidthMatch:
    """Widths of a network, and its budgets compared with the baseline's.

    Args:
        widths: fields at each level, finest first.
        budget: the budget to match; ``None`` if the widths were given.
        bound: its allowed relative deviation; ``None`` if each level has its own bound, in channels.
        met: true if the network is within the bound; ``None`` if the widths were given.
        ratios: every budget of the network divided by the baseline's.
        achieved: every budget of the network.
        baseline: every budget of the baseline, and its ``widths``.
        kind: unit of the widths, such as ``fields of D8``.
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
        """Sentence on a budget outside its bound; ``None`` if it is within the bound or there is none."""
        if self.budget is None or self.met:
            return None
        target = f"{group_thousands(self.baseline[self.budget])} {UNITS[self.budget]}"
        aim = (
            f"comes within {percent(self.bound, 0)} of {target}" if self.bound else "has as many channels at each level"
        )
        excess = self.ratios[self.budget] - 1
        difference = f"{percent(abs(excess))} {'more' if excess > 0 else 'fewer'}"
        return f"no shape like {self.baseline['widths']} in whole {self.kind} {aim}; {self.widths} has {difference}"


class WidthRule(ABC):
    """Rule for the widths of a network ``build(widths=...)`` in comparison with a baseline.

    Args:
        baseline: builds the baseline from its widths.
        widths: widths of the baseline.
        sides: sides in pixels of the images for which operations and activations are counted.
    """

    def __init__(self, baseline: Build, widths: Sequence[int], sides: Sides) -> None:
        self.baseline, self.baseline_widths, self.sides = baseline, list(widths), sides

    @abstractmethod
    def match(self, build: Build) -> WidthMatch:
        """The widths of a network, with its budgets and the baseline's."""

    def compare(self, build: Build, widths: Sequence[int], budget: str | None = None) -> WidthMatch:
        """Measure every budget of the network at these widths and of the baseline."""
        net, baseline = build_on_meta(build, widths), build_on_meta(self.baseline, self.baseline_widths)
        achieved, target = budgets(net, self.sides), budgets(baseline, self.sides)
        ratios = {name: achieved[name] / target[name] for name in BUDGETS}
        bound = BOUNDS.get(budget or "")
        met = None if bound is None or budget is None else abs(ratios[budget] - 1) <= bound
        return WidthMatch(
            widths=[int(width) for width in widths],
            budget=budget,
            bound=bound,
            met=met,
            ratios=ratios,
            achieved=achieved,
            baseline={"widths": self.baseline_widths, **target},
            kind=width_unit(net),
        )


class FixedWidth(WidthRule):
    """Given widths.

    Args:
        widths: widths of the network.
        baseline: builds the baseline, with which the network is compared, from its widths.
        baseline_widths: widths of the baseline.
        sides: sides of the images in pixels.
    """

    def __init__(self, widths: Sequence[int], baseline: Build, baseline_widths: Sequence[int], sides: Sides) -> None:
        super().__init__(baseline, baseline_widths, sides)
        self.widths = list(widths)

    def match(self, build: Build) -> WidthMatch:
        """The given widths."""
        return self.compare(build, self.widths)


class ChannelWidth(WidthRule):
    """Same number of channels at each level as the baseline, to the nearest whole field.

    A level whose nearest number of fields is 0 gets one field, and the bound counts as missed.

    Args:
        baseline: builds the baseline from its widths.
        widths: widths of the baseline.
        depth: number of levels if it differs from that of the widths; the baseline is extended, see ``extend_widths``.
        sides: sides of the images in pixels.
    """

    def __init__(self, baseline: Build, widths: Sequence[int], sides: Sides, depth: int | None = None) -> None:
        super().__init__(baseline, [round(width) for width in extend_widths(widths, depth)], sides)

    def match(self, build: Build) -> WidthMatch:
        """The channels of the baseline divided by the channels of a field."""
        size = field_size(build_on_meta(build, [1] * len(self.baseline_widths)))
        widths = [max(1, round(width / size)) for width in self.baseline_widths]
        nearest = all(abs(size * w - b) <= size / 2 for w, b in zip(widths, self.baseline_widths, strict=True))
        return replace(self.compare(build, widths, "channels"), met=nearest)


class BudgetWidth(WidthRule):
    """Same budget as the baseline, with proportions like the baseline's.

    A polynomial, fitted to a few measured networks, ranks thousands of shapes; the best are measured. Among the shapes
    within the bound the one nearest to the baseline's shape is taken. If there is none, the shape with the smallest
    deviation is taken, see ``gequnet.nets.width_search``.

    Args:
        budget: ``parameters``, ``flops`` or ``activations``.
        baseline: builds the baseline from its widths.
        widths: widths of the baseline; they also set the proportions.
        depth: number of levels of the network if it differs from the baseline's; the budget stays, and the proportions
            are extended, see ``extend_widths``.
        sides: sides of the images in pixels.

    Raises:
        ConfigError: there is no such budget.
    """

    def __init__(
        self, budget: str, baseline: Build, widths: Sequence[int], sides: Sides, depth: int | None = None
    ) -> None:
        super().__init__(baseline, widths, sides)
        if budget not in BOUNDS:
            raise ConfigError(f"width.budget={budget} is none of {', '.join(BOUNDS)}; for channels take width=channels")
        self.budget, self.proportions = budget, extend_widths(widths, depth)

    def match(self, build: Build) -> WidthMatch:
        """The best of the measured shapes."""

        def measure(widths: list[int]) -> int:
            return MEASURES[self.budget](build_on_meta(build, widths), self.sides)

        target = MEASURES[self.budget](build_on_meta(self.baseline, self.baseline_widths), self.sides)
        bound = BOUNDS[self.budget]
        shapes = rank_shapes(fit_budget(measure, len(self.proportions)), self.proportions, target, bound)
        misses: list[tuple[float, list[int]]] = []
        for shape in shapes[:FINALISTS].tolist():
            misses.append((abs(measure(shape) / target - 1), shape))
            if misses[-1][0] <= bound:
                return self.compare(build, shape, self.budget)
        return self.compare(build, min(misses)[1], self.budget)


def extend_widths(widths: Sequence[int], depth: int | None) -> list[float]:
    """Widths of ``depth`` levels: cut off, or extended by the ratio of the last two (by 2 after a single one)."""
    levels = [float(width) for width in widths]
    ratio = levels[-1] / levels[-2] if len(levels) > 1 else 2.0
    while depth is not None and len(levels) < depth:
        levels.append(levels[-1] * ratio)
    return levels[:depth]


def build_on_meta(build: Build, widths: Sequence[int]) -> nn.Module:
    """The network built on the meta device: without memory, for measurements."""
    with torch.device("meta"):
        return build(widths=list(widths))


def width_unit(net: nn.Module) -> str:
    """Unit of the widths of a network: ``channels``, or ``fields of D8``."""
    group = getattr(net, "group", None)
    return "channels" if group is None else f"fields of {str(group).upper()}"


def group_thousands(number: int) -> str:
    """A number with spaces between thousands: 62 913."""
    return f"{number:,}".replace(",", " ")


def percent(fraction: float, digits: int = 1) -> str:
    """A fraction in percent: 1.2 %."""
    return f"{100 * fraction:.{digits}f} %"
