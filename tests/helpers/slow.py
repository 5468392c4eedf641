"""Cases of parametrised tests that are left to ``make test-slow``."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest


def slow_unless(quick: Callable[[Any], bool], cases: Iterable[Any]) -> list[Any]:
    """Cases as parameters: all but the quick ones are marked as slow. A case may be a tuple of values.

    >>> [len(case.marks) for case in slow_unless(lambda group: group == "c4", ["c4", "d16"])]
    [0, 1]
    """
    marked = [(case, () if quick(case) else pytest.mark.slow) for case in cases]
    return [pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=marks) for case, marks in marked]
