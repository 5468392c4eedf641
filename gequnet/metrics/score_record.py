"""Record of a score: everything that metrics, tables, cards and docs need to know about it."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gequnet.errors import ConfigError

COUNTS = ("counts",)
MASKS = ("preds", "target", "valid")
OBJECTS = ("objects",)
BINS = ("bins",)
ARGUMENTS = (*COUNTS, *MASKS, "spacing", "tolerance", *OBJECTS, *BINS)
SWITCHES = ("instances", "surface", "partition")
FACTS = ("name", "heading", "description", "lower_is_better", "unit", "in_table", "by_class")
LENGTH = "mm"
UNITS = {"mm": "mm", "px": "pixels"}
"""Units of a length: the ending of a name, and the word in a heading."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """One score: its name, its texts, and its function.

    ``needs`` names the arguments of ``function``, in their order:

    - ``COUNTS``: ``function(counts)`` with [`Counts`][gequnet.metrics.counts.Counts] of any shape, which is also the
      shape of the result. The score is computed in validation and test, for each class and the background.
    - some of ``preds target valid spacing tolerance``, for example ``MASKS``: predicted and true foreground of one
      class of one image, [*space]; the valid pixels, [*space]; the length of a voxel along each axis in mm, [dims],
      or None; ``scoring.tolerance_mm``. The result is a scalar. Such a score is computed in the test only.
    - ``OBJECTS``: ``function(objects)`` with
      [`ObjectOverlaps`][gequnet.metrics.instance_ap.ObjectOverlaps] of one image. Test only.
    - ``BINS``: ``function(bins)`` makes a metric of torchmetrics that is updated with the probabilities and the true
      foreground of the pixels of all images, see [`gequnet.metrics.auc`][]. Test only, and built-in scores only.

    Args:
        name: in ``metrics.json`` and ``per_image.csv``; lower case letters, digits and underscores.
        heading: of a column, without unit.
        description: one clause, without unit and direction.
        function: see above; None for a score that is read from a run and not computed.
        needs: the arguments of ``function``.
        lower_is_better: True for errors and distances.
        unit: empty for a share. ``mm`` marks a length: its name ends in ``_mm``, or in ``_px`` where the spacing of
            voxels is not known.
        only_with: the score belongs to the test only if this fact is true: ``instances`` of ``data``, ``surface`` or
            ``partition`` of ``scoring``; None for every test.
        chooses_threshold: True if ``threshold_by`` may name it. A threshold can be too low and too high for it;
            sensitivity, for example, is best if everything is foreground.
        in_table: True if the report has a column for it.
        by_class: True if the report also shows it class by class.
        over_whole_image: True if the report also has a column for the whole image, beside the field of view.

    Raises:
        ConfigError: these do not fit together.

    Example:
        >>> error = Score(
        ...     name="volume_error", heading="volume error", description="difference of volumes over the true volume",
        ...     function=lambda counts: (counts.false_positive - counts.false_negative).abs(), lower_is_better=True,
        ... )
        >>> error.title(), error.names
        ('volume error ↓', ('volume_error',))
        >>> distance = Score(name="hd95", heading="HD95", description="…", lower_is_better=True, unit="mm")
        >>> distance.title("px"), distance.names
        ('HD95, pixels ↓', ('hd95_mm', 'hd95_px'))
    """

    name: str
    heading: str
    description: str
    function: Callable[..., Any] | None = None
    needs: Sequence[str] = COUNTS
    lower_is_better: bool = False
    unit: str = ""
    only_with: str | None = None
    chooses_threshold: bool = False
    in_table: bool = True
    by_class: bool = False
    over_whole_image: bool = False

    def __post_init__(self) -> None:
        """Refuse facts that do not fit together."""
        object.__setattr__(self, "needs", tuple(self.needs))  # Hydra gives a list
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.name):
            raise ConfigError(f"The name of a score is lower case letters, digits and underscores, not {self.name!r}.")
        alone = not set(self.needs) & {*COUNTS, *OBJECTS, *BINS} or len(self.needs) == 1
        if not self.needs or not set(self.needs) <= set(ARGUMENTS) or not alone:
            raise ConfigError(
                f"The score {self.name} needs {list(self.needs)}: give counts, objects or bins alone, or some of "
                "preds, target, valid, spacing, tolerance."
            )
        if self.only_with not in (None, *SWITCHES) or (self.needs == OBJECTS and self.only_with != "instances"):
            raise ConfigError(
                f"The score {self.name} has only_with={self.only_with}: give one of {', '.join(SWITCHES)}, or None; a "
                "score of objects has only_with=instances."
            )
        if self.chooses_threshold and self.needs not in (COUNTS, MASKS):
            raise ConfigError(f"The score {self.name} cannot choose a threshold: it needs more than counts or masks.")

    @property
    def of_counts(self) -> bool:
        """True if the score follows from numbers of right and wrong pixels."""
        return self.needs == COUNTS

    @property
    def pooled(self) -> bool:
        """True if the score is computed over the pixels of all images together, so that no image has one."""
        return self.needs == BINS

    @property
    def of_masks(self) -> bool:
        """True if the score is computed from masks or objects, image by image."""
        return not (self.of_counts or self.pooled)

    @property
    def units(self) -> tuple[str, ...]:
        """Units in which a run may have the score."""
        return tuple(UNITS) if self.unit == LENGTH else (self.unit,)

    @property
    def names(self) -> tuple[str, ...]:
        """Names in ``metrics.json``, without region and class: one for each of ``units``."""
        return tuple(self.name_in(unit) for unit in self.units)

    def name_in(self, unit: str) -> str:
        """Name in ``metrics.json``, without region and class, in a unit."""
        return f"{self.name}_{unit}" if self.unit == LENGTH else self.name

    @staticmethod
    def unit_words(unit: str) -> str:
        """A unit as texts have it: ``pixels`` for ``px``, any other as it is."""
        return UNITS.get(unit, unit)

    def title(self, unit: str | None = None) -> str:
        """Heading with unit, and with ↓ where lower is better."""
        unit = self.unit if unit is None else unit
        text = f"{self.heading}, {self.unit_words(unit)}" if unit else self.heading
        return f"{text} ↓" if self.lower_is_better else text

    def facts(self) -> dict[str, Any]:
        """Facts for ``metrics.json``: all that a report needs to show the score."""
        return {name: getattr(self, name) for name in FACTS}
