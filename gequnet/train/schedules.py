"""Learning rate schedules over a training of a known number of optimizer steps.

Each is ``schedule(optimizer, total_steps, ...)`` and multiplies the optimizer's learning rates by a factor. The factor
is a closed form of t / total_steps, so a training with twice the steps has the same shape. Only ``plateau`` follows the
scores instead. A logged learning rate is that of the step at which it is logged.
"""

import math
from collections.abc import Callable

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau

from gequnet.errors import ConfigError


def constant_schedule(optimizer: Optimizer, total_steps: int) -> LambdaLR:
    """Constant learning rate."""
    return _by_fraction(optimizer, total_steps, lambda fraction: 1.0)


def step_schedule(optimizer: Optimizer, total_steps: int, drops: int, gamma: float) -> LambdaLR:
    """Step decay γ^⌊(drops + 1) t/T⌋: ``drops`` equal drops that divide the training into ``drops + 1`` equal parts."""
    return _by_fraction(
        optimizer, total_steps, lambda fraction: gamma ** min(drops, math.floor((drops + 1) * fraction))
    )


def exponential_schedule(optimizer: Optimizer, total_steps: int, final: float) -> LambdaLR:
    """Exponential decay final^(t/T): the same ratio at every step.

    Raises:
        ConfigError: ``final`` is not above 0.
    """
    if final <= 0:
        raise ConfigError(f"scheduler.final={final} must be above 0, as an exponential never reaches 0; try 0.01.")
    return _by_fraction(optimizer, total_steps, lambda fraction: final**fraction)


def cosine_schedule(optimizer: Optimizer, total_steps: int, warmup: float, final: float) -> LambdaLR:
    """Linear from 0 over the first ``warmup`` (a fraction of T), then half a cosine from 1 down to ``final``.

    With u = (t/T - warmup) / (1 - warmup) the second part is final + (1 - final) (1 + cos πu) / 2. Within the
    warmup, step t has the factor (t + 1) / (warmup · T), so that the first step is not lost.

    Raises:
        ConfigError: ``warmup`` is not in [0, 1).

    References:
        Loshchilov and Hutter, SGDR, arXiv 1608.03983.
    """
    if not 0 <= warmup < 1:
        raise ConfigError(f"scheduler.warmup={warmup} is a fraction of the training: give 0 or more, below 1.")

    def factor(fraction: float) -> float:
        if fraction < warmup:
            return min(1.0, (fraction + 1 / total_steps) / warmup)
        progress = min(1.0, (fraction - warmup) / (1 - warmup))
        return final + (1 - final) * (1 + math.cos(math.pi * progress)) / 2

    return _by_fraction(optimizer, total_steps, factor)


def cyclic_schedule(optimizer: Optimizer, total_steps: int, cycles: int, low: float) -> LambdaLR:
    """Triangle wave that starts at 1 and goes down to ``low`` and back ``cycles`` times.

    References:
        Smith, Cyclical learning rates, arXiv 1506.01186 (which starts at the low end).
    """
    return _by_fraction(optimizer, total_steps, lambda fraction: low + (1 - low) * abs(1 - 2 * (cycles * fraction % 1)))


def plateau_schedule(optimizer: Optimizer, total_steps: int, gamma: float, patience: int) -> ReduceLROnPlateau:
    """Multiplication by ``gamma`` once more than ``patience`` validations in a row have not raised the score.

    ``total_steps`` is not used.
    """
    return ReduceLROnPlateau(optimizer, mode="max", factor=gamma, patience=patience, threshold=0.0)


def _by_fraction(optimizer: Optimizer, total_steps: int, factor: Callable[[float], float]) -> LambdaLR:
    """Schedule with factor(t / total_steps) at step t; a checkpoint holds its numbers only, not the function."""
    return LambdaLR(optimizer, lambda t: factor(t / total_steps))
