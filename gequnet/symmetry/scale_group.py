"""A finite window of the group of scalings: the magnifications at which a network looks at an image."""

from dataclasses import dataclass

from gequnet.errors import ConfigError


@dataclass(frozen=True)
class ScaleGroup:
    """The magnifications 1, r, r², …, r^(S-1).

    The group itself has no end on either side, and a network cannot carry all of it. So what is exact for the group is
    true of the window where nothing has to enter from outside, and docs/scale_equivariance.md says how much that is.

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
        if self.ratio <= 1 or self.count < 1:
            raise ConfigError(
                f"group.ratio={self.ratio} and group.count={self.count} make no window of scales: the ratio from one "
                "scale to the next must be above 1, and there must be at least one scale."
            )

    @property
    def scales(self) -> tuple[float, ...]:
        """The magnifications, finest first: that many pixels of the image are one unit of length."""
        return tuple(self.ratio**step for step in range(self.count))

    @property
    def field_size(self) -> int:
        """Numbers that a field has at a point: one for each scale."""
        return self.count

    def __str__(self) -> str:
        return f"scale{self.count}"
