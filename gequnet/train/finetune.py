"""Learning rate of each part of a network (encoder, decoder, head); parts with rate 0 are frozen."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn
from torch.optim import Optimizer

from gequnet.errors import ConfigError, unknown_choice

ENCODER, DECODER, HEAD = PARTS = ("encoder", "decoder", "head")


class Finetune:
    """Learning rate of each part, relative to that of the optimizer.

    A part with rate 0 is frozen: its weights and the statistics of its norms do not change, and its dropout is off.
    Weight decay applies to parameters with more than one axis only. On a scale before a norm, or on an offset, it would
    not restrict the functions that the network can represent.

    Args:
        rates: of ``encoder``, ``decoder`` and ``head``, 0 or more; the default of each part is 1.
        new_head: True to initialise the head anew, even if the head of ``init_from`` fits.

    Raises:
        ConfigError: there is no such part, a rate is below 0, or all rates are 0.
    """

    def __init__(self, rates: Mapping[str, float] | None = None, new_head: bool = False) -> None:
        rates = dict(rates or {})
        for part, rate in rates.items():
            if part not in PARTS:
                raise ConfigError(unknown_choice("finetune.rates", part, list(PARTS)))
            if rate < 0:
                raise ConfigError(f"finetune.rates.{part}={rate} is below 0; 0 freezes a part.")
        self.rates = {part: float(rates.get(part, 1.0)) for part in PARTS}
        self.new_head = new_head
        if not any(self.rates.values()):
            raise ConfigError("finetune.rates are all 0, so nothing would be learned: give one of them above 0.")

    @property
    def uniform(self) -> bool:
        """True if all parts have the learning rate of the optimizer."""
        return set(self.rates.values()) == {1.0}

    def freeze(self, net: nn.Module) -> None:
        """Turn off gradients of the parts with rate 0, and put them in evaluation mode."""
        for part in (part for part, rate in self.rates.items() if rate == 0):
            for module in modules_of(net, part):
                module.requires_grad_(False).eval()

    def parameter_groups(self, net: nn.Module) -> list[dict[str, Any]]:
        """Parameter groups for an optimizer: for each rate with and without weight decay; the highest rate first."""
        groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
        for name, parameter in net.named_parameters():
            if parameter.requires_grad:
                rate = 1.0 if self.uniform else self.rates[part_of(net, name)]
                groups.setdefault((rate, parameter.ndim > 1), []).append(parameter)
        return [
            {"params": groups[rate, decays], "rate": rate} | ({} if decays else {"weight_decay": 0.0})
            for rate, decays in sorted(groups, reverse=True)
        ]

    def scale_learning_rates(self, optimizer: Optimizer) -> Optimizer:
        """Scale the learning rate of each of the ``parameter_groups`` in an optimizer."""
        for group in optimizer.param_groups:
            group["lr"] *= group.pop("rate")
        return optimizer


def parts_of(net: nn.Module) -> Mapping[str, Sequence[str]]:
    """Names of the modules of each part, from the network's attribute ``parts``.

    Raises:
        ConfigError: the network has no such attribute.
    """
    parts: Mapping[str, Sequence[str]] | None = getattr(net, "parts", None)
    if parts is None:
        raise ConfigError(
            f"{type(net).__name__} has no attribute `parts`: add it, with the names of the modules of "
            f"{', '.join(PARTS)}, or leave init_from= and finetune= out."
        )
    return parts


def part_of(net: nn.Module, name: str) -> str:
    """Part of a network that a module or parameter belongs to, by its name."""
    for part, modules in parts_of(net).items():
        if any(f"{name}.".startswith(f"{module}.") for module in modules):
            return part
    raise ConfigError(f"{name} belongs to none of the parts of {type(net).__name__}: add it to the attribute `parts`.")


def modules_of(net: nn.Module, part: str) -> list[nn.Module]:
    """The modules of a part."""
    return [net.get_submodule(name) for name in parts_of(net)[part]]
