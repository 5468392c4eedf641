"""Weights of a trained network as the start of another: what fits is taken, and it is said what was left."""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from omegaconf import DictConfig
from torch import Tensor, nn

from gequnet.config.build import build
from gequnet.errors import ConfigError
from gequnet.runs.run_folder import load_run
from gequnet.train.finetune import ENCODER, part_of, parts_of

log = logging.getLogger("gequnet")


@dataclass
class Transferred:
    """What became of each layer of a network; a convolution and the norm behind it are one layer.

    Args:
        taken: the layers that have the weights of the other network now.
        left: those that keep their own, and why.
    """

    taken: list[str] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)

    def sentence(self, net: nn.Module) -> str:
        """How many layers of each part were taken, and each one that was left."""
        layers = [*self.taken, *self.left]
        counts = []
        for part in parts_of(net):
            mine = [layer for layer in layers if part_of(net, layer) == part]
            counts.append(f"{part} {len(set(mine) & set(self.taken))} of {len(mine)} layers")
        left = "; ".join(f"{layer} was left: {why}" for layer, why in self.left.items())
        return f"{', '.join(counts)}{'; ' + left if left else ''}"


def transfer(net: nn.Module, state: Mapping[str, Tensor], new_head: bool = False) -> Transferred:
    """Copies into a network, layer by layer, the weights and statistics that fit: a layer as a whole or not at all.

    Args:
        net: one with ``parts``.
        state: the ``state_dict`` of another network of the same kind.
        new_head: leaves the head as it is, even where it would fit: other classes are other questions.

    Raises:
        ConfigError: no layer of the encoder fits, so that nothing would be carried over that is worth the name.
    """
    own = net.state_dict()
    layers: dict[str, list[str]] = {}
    for key in own:
        layers.setdefault(layer_of(net, key), []).append(key)
    found = Transferred()
    for layer, keys in layers.items():
        why = "a new head" if new_head and part_of(net, layer) == "head" else _misfit(own, state, keys)
        if why:
            found.left[layer] = why
        else:
            found.taken.append(layer)
            for key in keys:
                own[key].copy_(state[key])  # the state's tensors are the network's own
    if not any(part_of(net, layer) == ENCODER for layer in found.taken):
        first, why = next(iter(found.left.items()))
        raise ConfigError(
            f"init_from: no layer of the encoder fits ({first}: {why}): the network has to be of the widths and the "
            "depth of the one it starts from; give them with width=fixed width.widths=[...]."
        )
    return found


def layer_of(net: nn.Module, key: str) -> str:
    """The layer of a network that an entry of its state dict belongs to: the convolution with its norm, or the head.

    >>> from gequnet.nets.unet import UNet
    >>> net = UNet(in_channels=1, num_classes=1, widths=[2, 3])
    >>> layer_of(net, "encoders.0.units.2.1.running_mean"), layer_of(net, "head.weight")
    ('encoders.0.units.2', 'head')
    """
    names = key.split(".")
    ancestors = [".".join(names[:length]) for length in range(len(names) - 1, 0, -1)]
    for ancestor in ancestors:
        if isinstance(net.get_submodule(ancestor), nn.Sequential):
            return ancestor
    roots = {name for modules in parts_of(net).values() for name in modules}
    root = next(ancestor for ancestor in ancestors if ancestor in roots)
    depth = root.count(".") + 1 + isinstance(net.get_submodule(root), nn.ModuleList)
    return ".".join(names[:depth])


def _misfit(own: Mapping[str, Tensor], state: Mapping[str, Tensor], keys: list[str]) -> str | None:
    for key in keys:
        if key not in state:
            return "not in the other network"
        if own[key].shape != state[key].shape:
            return f"{list(state[key].shape)} there, {list(own[key].shape)} here"
    return None


def start_from(cfg: DictConfig, net: nn.Module) -> dict[str, Any] | None:
    """Gives the network the weights of the run ``cfg.init_from`` as far as they fit; says what was taken and what left.

    Raises:
        ConfigError: it is no finished run, of another kind of network, or nothing of its encoder fits.
    """
    if cfg.init_from is None:
        return None
    trained, other = load_run(cfg.init_from)
    for name, of_run, own in (("model", trained.model, cfg.model), ("group", trained.group, cfg.group)):
        if of_run.get("_target_") != own.get("_target_") or (name == "group" and of_run != own):
            raise ConfigError(
                f"init_from={cfg.init_from} was trained with {name}={trained.chosen[name]} and this network has "
                f"{name}={cfg.chosen[name]}: weights mean the same in networks of one kind only; take that {name}."
            )
    found = transfer(net, other.state_dict(), build(cfg.finetune).new_head)
    log.info("From %s: %s.", cfg.init_from, found.sentence(net))
    return {"run": cfg.init_from, "data": trained.chosen.data, **asdict(found)}
