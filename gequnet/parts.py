"""The parts of a network, encoder, decoder and head, and which of its layers belong to which."""

from collections.abc import Mapping, Sequence

from torch import nn

from gequnet.errors import ConfigError

ENCODER, DECODER, HEAD = PARTS = ("encoder", "decoder", "head")


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
