"""Optional dependencies: the extra of the distribution that installs each of them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from gequnet.errors import GequnetError

# The modules that gequnet, Hydra or Lightning imports from the distributions of each extra in pyproject.toml.
EXTRAS = {
    "train": (
        "pytorch_lightning", "hydra", "omegaconf", "kornia", "nibabel", "PIL", "tifffile", "matplotlib", "pandas",
        "jinja2", "rich", "psutil", "requests", "pydantic",
    ),
    "track": ("wandb", "wandb_workspaces", "tensorboard"),
    "export": ("onnx", "onnxruntime", "onnxscript", "safetensors"),
    "search": ("optuna",),
    "dicom": ("pydicom",),
}  # fmt: skip


class MissingExtraError(GequnetError, ImportError):
    """A package of an extra is not installed."""


@contextmanager
def optional_imports() -> Iterator[None]:
    """Context of imports that an extra installs.

    Raises:
        MissingExtraError: a package is not installed; names its extra.

    >>> with optional_imports():
    ...     raise ModuleNotFoundError("No module named 'pydicom'")
    Traceback (most recent call last):
      ...
    gequnet.config.extras.MissingExtraError: pydicom is not installed: pip install 'gequnet[dicom]'.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise missing_extra(error) or error from None


def require_extra(extra: str) -> None:
    """Check that every package of an extra is installed, without importing it.

    Args:
        extra: a name of ``EXTRAS``.

    Raises:
        MissingExtraError: a package is not installed.
    """
    for package in EXTRAS[extra]:
        if find_spec(package) is None:
            raise _missing(package, extra)


def missing_extra(error: BaseException | None) -> MissingExtraError | None:
    """The missing package behind an error, or behind its cause; None if there is none of an extra.

    >>> missing_extra(ModuleNotFoundError("Neither `tensorboard` nor `tensorboardX` is available."))
    MissingExtraError("tensorboard is not installed: pip install 'gequnet[track]'.")
    >>> missing_extra(ModuleNotFoundError("No module named 'mynets'"))
    """
    for each in _chain(error):
        if isinstance(each, ModuleNotFoundError):
            named = re.findall(r"['`](\w+)[\w.]*['`]", str(each))
            for extra, packages in EXTRAS.items():
                for package in packages:
                    if package in (each.name, *named):
                        return _missing(package, extra)
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error, its cause, and so on; each once, as an error that is raised again can be its own cause."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _missing(package: str, extra: str) -> MissingExtraError:
    return MissingExtraError(f"{package} is not installed: pip install 'gequnet[{extra}]'.")
