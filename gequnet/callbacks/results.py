"""The promise of callbacks that measure something worth a place in ``metrics.json``."""

from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Measures(Protocol):
    """A callback with results."""

    def results(self) -> dict[str, Any]:
        """What was measured so far: names to plain numbers, or to dicts of them."""
        ...
