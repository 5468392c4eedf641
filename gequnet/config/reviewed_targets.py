"""Classes and functions that the configuration of somebody else's run may name: the reviewed list.

Most of it is derived: the targets of ``conf/``, and the public classes of the packages that these come from. PyTorch
and Lightning add activations, optimizers, schedules, and what only computes or writes into the folder that the run
gives it. Nothing on the list opens, writes, deletes, downloads or evaluates what an argument names outside that folder,
see [`gequnet.config.run_paths`][].
"""

import inspect
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from gequnet.config.compose import CONF

_TARGET = re.compile(r"_target_:\s*([\w.]+)")
_HYDRA = ("hydra", "sweep")
"""Folders of ``conf/`` with targets for Hydra itself, which no run saves; so are those of the file above them."""


@cache
def conf_targets() -> frozenset[str]:
    """All names in ``_target_`` of ``conf/``, comments included, where they are examples."""
    files = [path for path in CONF.glob("*/**/*.yaml") if path.relative_to(CONF).parts[0] not in _HYDRA]
    found = {name for path in files for name in _TARGET.findall(path.read_text(encoding="utf-8"))}
    return frozenset(name for name in found if name.partition(".")[0] in ROOTS)


@cache
def reviewed(root: str) -> dict[str, Any]:
    """The list for one of ``ROOTS``: objects by the name of their module and their own."""
    named = [_object_at(name) for name in conf_targets() if name.partition(".")[0] == root]
    return {identity(each): each for each in (*named, *ROOTS[root]())}


def identity(value: Any) -> str:
    """The name under which a class or function was defined."""
    return f"{value.__module__}.{value.__qualname__}"


def _ours() -> Iterator[type]:
    """Public classes of the packages that ``conf/`` names."""
    packages = {name.rpartition(".")[0] for name in conf_targets() if name.startswith("gequnet.")}
    for package in map(import_module, sorted(packages)):
        yield from _classes(package, getattr(package, "__all__", ()))


def _of_torch() -> Iterator[type]:
    from torch import optim
    from torch.nn.modules import activation
    from torch.optim import lr_scheduler

    yield from _classes(activation, activation.__all__)
    yield from _classes(optim, vars(optim), optim.Optimizer)
    yield from _classes(lr_scheduler, lr_scheduler.__all__, lr_scheduler.LRScheduler)


def _of_lightning() -> Iterator[type]:
    from pytorch_lightning import callbacks, loggers, profilers, strategies
    from pytorch_lightning.plugins import environments, precision

    yield from _classes(callbacks, callbacks.__all__, callbacks.Callback)
    yield from (loggers.CSVLogger, loggers.TensorBoardLogger)  # the others send to servers
    yield from (profilers.PassThroughProfiler, profilers.SimpleProfiler, profilers.AdvancedProfiler)
    yield from (strategies.SingleDeviceStrategy, strategies.DDPStrategy, strategies.FSDPStrategy)
    yield from _classes(precision, precision.__all__, precision.Precision)
    yield from (environments.LightningEnvironment, environments.SLURMEnvironment, environments.TorchElasticEnvironment)


ROOTS = {"gequnet": _ours, "torch": _of_torch, "pytorch_lightning": _of_lightning}


def _classes(module: ModuleType, names: Any, base: type = object) -> Iterator[type]:
    found = (getattr(module, name) for name in names)
    return (each for each in found if inspect.isclass(each) and issubclass(each, base))


def _object_at(name: str) -> Any:
    module, _, attribute = name.rpartition(".")
    return getattr(import_module(module), attribute)
