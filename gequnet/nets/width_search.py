"""Search for widths with the proportions of the baseline that meet a budget.

A shape is the list of the widths of a network. A network of small fields can be scaled finely, one of large fields
cannot: two, four and nine fields of D4 have no neighbours with the same proportions. So a shape is *similar* to the
baseline's if there is a factor on the baseline's widths for which every level is within one field, or within a fifth,
of the scaled baseline. In addition no level may be narrower than the previous one, unless the baseline's is. Among the
similar shapes that meet a budget, the one nearest in shape is the best.
"""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

Array = np.ndarray
Budget = Callable[[Float[Array, "n levels"]], Float[Array, " n"]]

# Allowed deviation of a level from the scaled baseline: the larger of the two.
FIELDS, FRACTION = 1.0, 0.2
# Distances of the search: the nearest shapes first, then further ones if none meets the budget.
TOLERANCES = (0.003, 0.01, 0.03, 0.1, 0.3, math.inf)
# Rounding error of logarithms: the baseline's own shape is at distance 0, not 1e-16.
ROUNDING = 1e-12


def shape_distance(widths: Int[Array, "n levels"], proportions: Float[Array, " levels"]) -> Float[Array, " n"]:
    """Distance of each shape from the proportions: the largest |log(width / scaled proportion)| at its best scale.

    >>> shape_distance(np.array([[2, 4], [3, 4]]), np.array([10.0, 20.0])).round(3).tolist()
    [0.0, 0.203]
    """
    logs = np.log(widths / proportions)
    return np.asarray((logs.max(axis=1) - logs.min(axis=1)) / 2)


def is_similar(widths: Int[Array, "n levels"], proportions: Float[Array, " levels"]) -> Bool[Array, " n"]:
    """True for each shape that is similar to the proportions, as defined at the top of this file.

    >>> is_similar(np.array([[3, 6, 11], [4, 6, 11], [3, 4, 15], [6, 5, 11]]), np.array([12.0, 24.0, 45.0])).tolist()
    [True, True, False, False]
    """
    lowest = (np.minimum(widths - FIELDS, widths / (1 + FRACTION)) / proportions).max(axis=1)
    highest = (np.maximum(widths + FIELDS, widths / (1 - FRACTION)) / proportions).min(axis=1)
    grows = np.diff(proportions) >= 0
    falls = (np.diff(widths, axis=1) < 0) & grows
    return np.asarray((lowest <= highest * (1 + ROUNDING)) & ~falls.any(axis=1))


def candidate_shapes(
    proportions: Float[Array, " levels"], scale: float, tolerance: float, slack: float
) -> Int[Array, "n levels"]:
    """All similar shapes within ``tolerance`` of the proportions that can meet a budget or come nearest to it.

    Real-valued widths of ``scale`` times the proportions meet the budget. Among shapes that are nowhere narrower than
    these, or nowhere wider, rounding up or down comes nearest. All others have some narrower and some wider level,
    which bounds every level.

    Args:
        proportions: widths of the baseline.
        scale: the factor on them that meets the budget.
        tolerance: the largest distance from the proportions.
        slack: relative deviation of the scale that the bound on the budget allows.
    """
    rows = np.zeros((1, 0), dtype=np.int64)
    for level, (low, high) in enumerate(_bounds(proportions, scale, tolerance, slack), start=1):
        steps = np.arange(low, high + 1)
        rows = np.concatenate([np.repeat(rows, len(steps), axis=0), np.tile(steps, len(rows))[:, None]], axis=1)
        near = shape_distance(rows, proportions[:level]) <= tolerance + ROUNDING
        rows = rows[near & is_similar(rows, proportions[:level])]
    return rows


def _bounds(
    proportions: Float[Array, " levels"], scale: float, tolerance: float, slack: float
) -> Iterator[tuple[int, int]]:
    """Lower and upper bound on the width of each level, in fields."""
    step, lower, upper = FIELDS / float(proportions.min()), scale * (1 - slack), scale * (1 + slack)
    least, most = min(lower / (1 + FRACTION), lower - step), max(upper / (1 - FRACTION), upper + step)
    for proportion in proportions.tolist():
        low = min(least * proportion - FIELDS, least * proportion * (1 - FRACTION))
        high = max(most * proportion + FIELDS, most * proportion * (1 + FRACTION))
        if tolerance < math.inf:
            low = max(low, lower * proportion * math.exp(-2 * tolerance))
            high = min(high, upper * proportion * math.exp(2 * tolerance))
        yield max(1, math.ceil(low)), max(1, math.floor(high))


def budget_scale(budget: Budget, proportions: Float[Array, " levels"], target: int) -> float:
    """The factor on the proportions at which real-valued widths meet the target, by bisection."""

    def at(scale: float) -> float:
        return float(budget(scale * proportions[None])[0])

    low, high = 0.0, 1.0
    while at(high) < target and high < 1e6:
        low, high = high, 2 * high
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if at(middle) < target else (low, middle)
    return high


def rank_shapes(budget: Budget, proportions: Sequence[float], target: int, bound: float) -> Int[Array, "n levels"]:
    """Similar shapes, the best first.

    Shapes within ``bound`` of the target come first, ordered by their distance from the proportions. The others follow,
    ordered by their distance from the target.

    Args:
        budget: function of many widths at once; it increases with each width.
        proportions: widths of the baseline, extended to the network's depth.
        target: the budget to meet.
        bound: allowed relative deviation.
    """
    baseline = np.asarray(proportions, dtype=float)
    scale = budget_scale(budget, baseline, target)
    for tolerance in TOLERANCES:
        # A budget grows at least about linearly, so the scale's relative error is hardly above the budget's.
        rows = candidate_shapes(baseline, scale, tolerance, slack=2 * bound)
        misses = np.abs(budget(rows.astype(float)) / target - 1)
        meets = misses <= bound
        if meets.any():
            break
    order = np.lexsort((misses, np.where(meets, shape_distance(rows, baseline), misses).round(9), ~meets))
    return np.asarray(rows[order])


def fit_budget(measure: Callable[[list[int]], int], levels: int) -> Budget:
    """Budget as a polynomial in the widths, fitted to a few measured networks.

    Convolutions map a level to itself and to its neighbours. So the budget of a U-Net is a sum of a constant and of
    multiples of the widths, of their squares and of the products of neighbours. If two neighbours have equal widths,
    the shortcut of a residual block is an identity and has no convolution; this term is measured separately.

    Args:
        measure: function from widths to the budget of the network.
        levels: depth of the network.
    """
    unit = np.eye(levels, dtype=np.int64)
    start = 5 + 6 * np.arange(levels)
    moves = [0 * unit[0], *(2 * unit), *(4 * unit), *(2 * (unit[:-1] + unit[1:]))]  # no two levels become equal
    points = np.stack([start + move for move in moves])
    values = np.array([measure(point) for point in points.tolist()], dtype=float)
    coefficients = np.linalg.solve(_monomials(points.astype(float)), values)

    def polynomial(widths: Float[Array, "n levels"]) -> Float[Array, " n"]:
        return np.asarray(_monomials(widths) @ coefficients)

    saved = [_identity_shortcut_saving(measure, polynomial, start, level) for level in range(levels - 1)]

    def budget(widths: Float[Array, "n levels"]) -> Float[Array, " n"]:
        total = polynomial(widths)
        for level, (once, squared) in enumerate(saved):
            width, following = widths[:, level], widths[:, level + 1]
            total -= np.where(width == following, once * width + squared * width**2, 0.0)
        return total

    return budget


def _monomials(widths: Float[Array, "n levels"]) -> Float[Array, "n terms"]:
    ones = np.ones((len(widths), 1))
    return np.concatenate([ones, widths, widths**2, widths[:, :-1] * widths[:, 1:]], axis=1)


def _identity_shortcut_saving(
    measure: Callable[[list[int]], int], polynomial: Budget, start: Int[Array, " levels"], level: int
) -> tuple[float, float]:
    """Budget saved if a level and the next have equal widths: coefficients of this width and of its square."""

    def saved(width: int) -> float:
        point = np.where(np.isin(np.arange(len(start)), [level, level + 1]), width, start)
        return float(polynomial(point[None].astype(float))[0]) - measure(point.tolist())

    width = int(start[level])
    first = saved(width)
    if abs(first) < 0.5:  # budgets are integers: this is rounding, and no shortcut was saved
        return 0.0, 0.0
    wider = width + 2
    once, squared = np.linalg.solve([[width, width**2], [wider, wider**2]], [first, saved(wider)])
    return float(once), float(squared)
