"""A finite window of the group of scalings: the magnifications that a network uses."""

import math
from dataclasses import dataclass

from gequnet.errors import ConfigError

MOST_SCALES = 64


@dataclass(frozen=True)
class ScaleGroup:
    """The magnifications 1, r, r², …, r^(S-1).

    The group of scalings is infinite, and a network holds only a window of it. Equivariance is exact where no scale
    from outside the window is needed; docs/scale_equivariance.md gives the measured errors.

    Args:
        ratio: r > 1, the step from one scale to the next, dimensionless.
        count: S, the number of scales.

    Raises:
        ConfigError: the ratio is not above 1, or there is no scale.

    >>> group = ScaleGroup(ratio=2.0, count=3)
    >>> group.scales, str(group)
    ((1.0, 2.0, 4.0), 'scale3')
    """

    ratio: float
    count: int

    def __post_init__(self) -> None:
        if not 1 < self.ratio < math.inf or not 1 <= self.count <= MOST_SCALES:
            raise ConfigError(
                f"group.ratio={self.ratio} and group.count={self.count} make no window of scales: the ratio from one "
                f"scale to the next must be above 1, and there must be 1 to {MOST_SCALES} scales."
            )

    @property
    def scales(self) -> tuple[float, ...]:
        """The magnifications, finest first: pixels of the image per unit of length."""
        return tuple(self.ratio**step for step in range(self.count))

    @property
    def field_size(self) -> int:
        """Numbers in a field at a point: one for each scale."""
        return self.count

    def __str__(self) -> str:
        return f"scale{self.count}"
