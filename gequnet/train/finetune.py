"""How fast each part of a network learns: all alike, some slower, some not at all."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn
from torch.optim import Optimizer

from gequnet.errors import ConfigError, unknown_choice

ENCODER, DECODER, HEAD = PARTS = ("encoder", "decoder", "head")


class Finetune:
    """The learning rate of each part, relative to the optimizer's.

    A part with rate 0 is frozen: its weights, and the statistics of its norms, stay what they are, and what it would
    drop in training it does not drop. Weight decay applies to what has more than one axis: on a scale that a norm
    follows, or on an offset, it restrains nothing that the network can express.

    Args:
        rates: of ``encoder``, ``decoder`` and ``head``, 0 or more; a part that is not named has 1.
        new_head: whether the head starts anew, even where that of ``init_from`` would fit.

    Raises:
        ConfigError: there is no such part, a rate is below 0, or nothing would be learned.
    """

    def __init__(self, rates: Mapping[str, float] | None = None, new_head: bool = False) -> None:
        rates = dict(rates or {})
        for part, rate in rates.items():
            if part not in PARTS:
                raise ConfigError(unknown_choice("finetune.rates", part, list(PARTS)))
            if rate < 0:
                raise ConfigError(f"finetune.rates.{part}={rate} is below 0; 0 keeps a part as it is.")
        self.rates = {part: float(rates.get(part, 1.0)) for part in PARTS}
        self.new_head = new_head
        if not any(self.rates.values()):
            raise ConfigError("finetune.rates are all 0, and nothing would be learned: give one of them above 0.")

    @property
    def alike(self) -> bool:
        """Whether all parts learn at the rate of the optimizer."""
        return set(self.rates.values()) == {1.0}

    def freeze(self, net: nn.Module) -> None:
        """Takes the gradients from the parts that do not learn, and puts them in evaluation mode."""
        for part in (part for part, rate in self.rates.items() if rate == 0):
            for module in modules_of(net, part):
                module.requires_grad_(False).eval()

    def groups(self, net: nn.Module) -> list[dict[str, Any]]:
        """Parameters for an optimizer: for each rate two groups, what decays and what does not; the fastest first."""
        groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
        for name, parameter in net.named_parameters():
            if parameter.requires_grad:
                rate = 1.0 if self.alike else self.rates[part_of(net, name)]
                groups.setdefault((rate, parameter.ndim > 1), []).append(parameter)
        return [
            {"params": groups[rate, decays], "rate": rate} | ({} if decays else {"weight_decay": 0.0})
            for rate, decays in sorted(groups, reverse=True)
        ]

    def slow(self, optimizer: Optimizer) -> Optimizer:
        """Gives each of its ``groups`` the learning rate that it is to have."""
        for group in optimizer.param_groups:
            group["lr"] *= group.pop("rate")
        return optimizer


def parts_of(net: nn.Module) -> Mapping[str, Sequence[str]]:
    """For each part the names of the modules that it is made of: what a network says of itself in ``net.parts``.

    Raises:
        ConfigError: it says nothing.
    """
    parts: Mapping[str, Sequence[str]] | None = getattr(net, "parts", None)
    if parts is None:
        raise ConfigError(
            f"{type(net).__name__} does not say of which parts it is made: give it an attribute `parts` with the names "
            f"of the modules of {', '.join(PARTS)}, or leave init_from= and finetune= out."
        )
    return parts


def part_of(net: nn.Module, name: str) -> str:
    """The part that a module or a parameter of a network belongs to, by its name in the network."""
    for part, modules in parts_of(net).items():
        if any(f"{name}.".startswith(f"{module}.") for module in modules):
            return part
    raise ConfigError(
        f"{name} belongs to none of the parts that {type(net).__name__} says it is made of: name it there."
    )


def modules_of(net: nn.Module, part: str) -> list[nn.Module]:
    """The modules of a part."""
    return [net.get_submodule(name) for name in parts_of(net)[part]]
