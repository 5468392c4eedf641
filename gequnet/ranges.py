"""Types of arguments with a range, for constructors whose values come from a configuration."""

import math
from typing import Annotated

from annotated_types import Ge, Gt, Interval

Count = Annotated[int, Ge(1)]
"""Whole number, 1 or more."""
Natural = Annotated[int, Ge(0)]
"""Whole number, 0 or more."""
Share = Annotated[float, Interval(ge=0, le=1)]
"""Number from 0 to 1."""
Nonnegative = Annotated[float, Interval(ge=0, lt=math.inf)]
Positive = Annotated[float, Gt(0)]
