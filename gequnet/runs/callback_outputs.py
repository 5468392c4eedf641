"""Results and files of callbacks, and the tests in which they take part.

A callback declares its outputs by three optional members. From them follow the printed list of files, the pictures and
tables for the loggers, the entries of ``metrics.json``, and the callbacks of further tests of the run.

    def results(self) -> dict[str, Any]     numbers for metrics.json
    def files(self) -> dict[str, Path]      files by name, which need not exist yet
    when = {"fit", "test", "tta"}           stages in which it takes part

The stages are ``fit``, the training with the test of its best checkpoint; ``test``, a test on other data by
``gequnet.evaluate``; and ``tta``, the test with test-time augmentation. A run's own trainer has all of its callbacks; a
further test has those with its stage in ``when``, and their argument ``path`` is moved to its own folder.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

Stage = Literal["fit", "test", "tta"]

PICTURE, TABLE = ".png", ".csv"


@runtime_checkable
class HasResults(Protocol):
    """A callback that measures something."""

    def results(self) -> dict[str, Any]:
        """Results so far: names to plain numbers, or to dicts of them."""
        ...


@runtime_checkable
class HasFiles(Protocol):
    """A callback that writes files."""

    def files(self) -> dict[str, Path]:
        """Paths by name, of files that may not exist yet."""
        ...


def results_of(callbacks: Iterable[object]) -> dict[str, Any]:
    """The results of all callbacks."""
    results: dict[str, Any] = {}
    for callback in callbacks:
        if isinstance(callback, HasResults):
            results |= callback.results()
    return results


def files_of(callbacks: Iterable[object], suffix: str = "") -> dict[str, Path]:
    """The files of all callbacks that exist, by name.

    Args:
        callbacks: in the order of the result.
        suffix: such as ``.png``, to select files; all by default.
    """
    files: dict[str, Path] = {}
    for callback in callbacks:
        if isinstance(callback, HasFiles):
            files |= callback.files()
    return {name: path for name, path in files.items() if path.name.endswith(suffix) and path.exists()}


def takes_part(callback: object, stage: Stage) -> bool:
    """True if a callback belongs to a stage; False if it has no ``when``."""
    return stage in getattr(callback, "when", ())
