"""Shapes of networks: which widths are the baseline's on another scale, and which of them meet a budget.

A network of small fields can be scaled finely, one of large fields cannot: two, four and nine fields of D4 have no
neighbours that keep the proportions. So a shape is *like* the baseline's if with some factor on the baseline's widths
every level is within one field of them, or within a fifth, and if no level is narrower than the one before unless the
baseline's is. Among those that meet a budget the nearest in shape is the best.
"""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

Array = np.ndarray
Budget = Callable[[Float[Array, "n levels"]], Float[Array, " n"]]

# How far a level may be from the scaled baseline's: the larger of the two.
FIELDS, FRACTION = 1.0, 0.2
# The search looks at the nearest shapes first and widens where none of them meets the budget.
TOLERANCES = (0.003, 0.01, 0.03, 0.1, 0.3, math.inf)
# Of logarithms: the baseline's own shape is at distance 0, not 1e-16.
ROUNDING = 1e-12


def distance(widths: Int[Array, "n levels"], proportions: Float[Array, " levels"]) -> Float[Array, " n"]:
    """How far each shape is from the proportions: the largest |log(width / scaled proportion)| at its best scale.

    >>> distance(np.array([[2, 4], [3, 4]]), np.array([10.0, 20.0])).round(3).tolist()
    [0.0, 0.203]
    """
    logs = np.log(widths / proportions)
    return np.asarray((logs.max(axis=1) - logs.min(axis=1)) / 2)


def alike(widths: Int[Array, "n levels"], proportions: Float[Array, " levels"]) -> Bool[Array, " n"]:
    """Which shapes are like the proportions, see above.

    >>> alike(np.array([[3, 6, 11], [4, 6, 11], [3, 4, 15], [6, 5, 11]]), np.array([12.0, 24.0, 45.0])).tolist()
    [True, True, False, False]
    """
    lowest = (np.minimum(widths - FIELDS, widths / (1 + FRACTION)) / proportions).max(axis=1)
    highest = (np.maximum(widths + FIELDS, widths / (1 - FRACTION)) / proportions).min(axis=1)
    grows = np.diff(proportions) >= 0
    falls = (np.diff(widths, axis=1) < 0) & grows
    return np.asarray((lowest <= highest * (1 + ROUNDING)) & ~falls.any(axis=1))


def shapes(
    proportions: Float[Array, " levels"], scale: float, tolerance: float, slack: float
) -> Int[Array, "n levels"]:
    """All shapes like the proportions, within ``tolerance`` of them, that can meet a budget or come nearest to it.

    A budget is met by widths of ``scale`` times the proportions, if they were real numbers. Of shapes that are nowhere
    narrower than those, or nowhere wider, rounding up or down comes nearest; all others have some level narrower and
    some wider, which bounds every level.

    Args:
        proportions: widths of the baseline.
        scale: the factor on them that meets the budget.
        tolerance: the greatest distance from the proportions.
        slack: by which fraction the scale may be off within the bound on the budget.
    """
    rows = np.zeros((1, 0), dtype=np.int64)
    for level, (low, high) in enumerate(_bounds(proportions, scale, tolerance, slack), start=1):
        steps = np.arange(low, high + 1)
        rows = np.concatenate([np.repeat(rows, len(steps), axis=0), np.tile(steps, len(rows))[:, None]], axis=1)
        near = distance(rows, proportions[:level]) <= tolerance + ROUNDING
        rows = rows[near & alike(rows, proportions[:level])]
    return rows


def _bounds(
    proportions: Float[Array, " levels"], scale: float, tolerance: float, slack: float
) -> Iterator[tuple[int, int]]:
    """The least and the greatest width of each level, in fields."""
    step, lower, upper = FIELDS / float(proportions.min()), scale * (1 - slack), scale * (1 + slack)
    least, most = min(lower / (1 + FRACTION), lower - step), max(upper / (1 - FRACTION), upper + step)
    for proportion in proportions.tolist():
        low = min(least * proportion - FIELDS, least * proportion * (1 - FRACTION))
        high = max(most * proportion + FIELDS, most * proportion * (1 + FRACTION))
        if tolerance < math.inf:
            low = max(low, lower * proportion * math.exp(-2 * tolerance))
            high = min(high, upper * proportion * math.exp(2 * tolerance))
        yield max(1, math.ceil(low)), max(1, math.floor(high))


def scale_of(budget: Budget, proportions: Float[Array, " levels"], target: int) -> float:
    """The factor on the proportions that meets the target if widths were real numbers, by bisection."""

    def at(scale: float) -> float:
        return float(budget(scale * proportions[None])[0])

    low, high = 0.0, 1.0
    while at(high) < target and high < 1e6:
        low, high = high, 2 * high
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if at(middle) < target else (low, middle)
    return high


def ranked(budget: Budget, proportions: Sequence[float], target: int, bound: float) -> Int[Array, "n levels"]:
    """Shapes like the proportions, the best first.

    Those within ``bound`` of the target come first, by their distance from the proportions, then the others by their
    distance from the target.

    Args:
        budget: of many widths at once; increases with each.
        proportions: widths of the baseline, continued to the network's depth.
        target: what the budget should be.
        bound: relative deviation that is allowed.
    """
    baseline = np.asarray(proportions, dtype=float)
    scale = scale_of(budget, baseline, target)
    for tolerance in TOLERANCES:
        # A budget grows at least about as fast as the widths, so the scale is off by hardly more than the budget.
        rows = shapes(baseline, scale, tolerance, slack=2 * bound)
        misses = np.abs(budget(rows.astype(float)) / target - 1)
        meets = misses <= bound
        if meets.any():
            break
    order = np.lexsort((misses, np.where(meets, distance(rows, baseline), misses).round(9), ~meets))
    return np.asarray(rows[order])


def fitted(measure: Callable[[list[int]], int], levels: int) -> Budget:
    """A budget as a polynomial in the widths, from a few networks that are measured.

    Convolutions map a level to itself and to its neighbours, so a U-Net's budget is a sum of a constant, multiples of
    the widths, of their squares and of the products of neighbours. Where two neighbours are equally wide, the shortcut
    of a residual block is an identity and its convolution is not there: that is measured apart.

    Args:
        measure: the budget of the network with given widths.
        levels: the network's depth.
    """
    unit = np.eye(levels, dtype=np.int64)
    start = 5 + 6 * np.arange(levels)
    moves = [0 * unit[0], *(2 * unit), *(4 * unit), *(2 * (unit[:-1] + unit[1:]))]  # no two levels become equal
    points = np.stack([start + move for move in moves])
    values = np.array([measure(point) for point in points.tolist()], dtype=float)
    coefficients = np.linalg.solve(_monomials(points.astype(float)), values)

    def polynomial(widths: Float[Array, "n levels"]) -> Float[Array, " n"]:
        return np.asarray(_monomials(widths) @ coefficients)

    saved = [_saved_by_a_tie(measure, polynomial, start, level) for level in range(levels - 1)]

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


def _saved_by_a_tie(
    measure: Callable[[list[int]], int], polynomial: Budget, start: Int[Array, " levels"], level: int
) -> tuple[float, float]:
    """What a net spends less if a level and the next are equally wide, as multiples of that width and its square."""

    def saved(width: int) -> float:
        point = np.where(np.isin(np.arange(len(start)), [level, level + 1]), width, start)
        return float(polynomial(point[None].astype(float))[0]) - measure(point.tolist())

    width = int(start[level])
    first = saved(width)
    if abs(first) < 0.5:  # a count, and nothing but rounding: no shortcut went away
        return 0.0, 0.0
    wider = width + 2
    once, squared = np.linalg.solve([[width, width**2], [wider, wider**2]], [first, saved(wider)])
    return float(once), float(squared)
