"""Transfer learning: weights of a trained network as the initial weights of another, layer by layer where they fit."""

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
class TransferResult:
    """TransferResult and untransferred layers of a network; a convolution and the norm behind it are one layer.

    Args:
        taken: layers that now have the weights of the other network.
        left: layers that keep their own weights, each with the reason.
    """

    taken: list[str] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)

    def describe(self, net: nn.Module) -> str:
        """Number of transferred layers of each part, and each layer that was not transferred, with the reason."""
        layers = [*self.taken, *self.left]
        counts = []
        for part in parts_of(net):
            of_part = [layer for layer in layers if part_of(net, layer) == part]
            counts.append(f"{part} {len(set(of_part) & set(self.taken))} of {len(of_part)} layers")
        left = "; ".join(f"{layer} not transferred: {why}" for layer, why in self.left.items())
        return f"{', '.join(counts)}{'; ' + left if left else ''}"


def transfer_weights(net: nn.Module, state: Mapping[str, Tensor], new_head: bool = False) -> TransferResult:
    """Copy weights and statistics into a network, layer by layer if they fit: a layer as a whole or not at all.

    Args:
        net: a network with the attribute ``parts``.
        state: the ``state_dict`` of another network of the same kind.
        new_head: True to keep the head as it is, even if the other would fit, for example for other classes.

    Raises:
        ConfigError: no layer of the encoder fits.
    """
    own = net.state_dict()
    layers: dict[str, list[str]] = {}
    for key in own:
        layers.setdefault(layer_of(net, key), []).append(key)
    result = TransferResult()
    for layer, keys in layers.items():
        why = "a new head" if new_head and part_of(net, layer) == "head" else _mismatch(own, state, keys)
        if why:
            result.left[layer] = why
        else:
            result.taken.append(layer)
            for key in keys:
                own[key].copy_(state[key])  # in place: the tensors of the state dict are those of the network
    if not any(part_of(net, layer) == ENCODER for layer in result.taken):
        first, why = next(iter(result.left.items()))
        raise ConfigError(
            f"init_from: no layer of the encoder fits ({first}: {why}): the network needs the widths and the depth of "
            "the trained one; give them with width=fixed width.widths=[...]."
        )
    return result


def layer_of(net: nn.Module, key: str) -> str:
    """Layer that an entry of the state dict belongs to: a convolution with its norm, or the head.

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


def _mismatch(own: Mapping[str, Tensor], state: Mapping[str, Tensor], keys: list[str]) -> str | None:
    for key in keys:
        if key not in state:
            return "not in the other network"
        if own[key].shape != state[key].shape:
            return f"{list(state[key].shape)} there, {list(own[key].shape)} here"
    return None


def load_initial_weights(cfg: DictConfig, net: nn.Module) -> dict[str, Any] | None:
    """Copy the weights of the run ``cfg.init_from`` that fit into the network, and log the transferred layers.

    Returns:
        The run, its dataset and its layers for ``metrics.json``; None without ``cfg.init_from``.

    Raises:
        ConfigError: the run is not finished, has another kind of network, or no layer of its encoder fits.
    """
    if cfg.init_from is None:
        return None
    trained, other = load_run(cfg.init_from)
    for name, of_run, own in (("model", trained.model, cfg.model), ("group", trained.group, cfg.group)):
        if of_run.get("_target_") != own.get("_target_") or (name == "group" and of_run != own):
            raise ConfigError(
                f"init_from={cfg.init_from} was trained with {name}={trained.chosen[name]}, and this network has "
                f"{name}={cfg.chosen[name]}: weights can be transferred between networks of one kind only; take the "
                f"{name} of that run."
            )
    result = transfer_weights(net, other.state_dict(), build(cfg.finetune).new_head)
    log.info("Weights from %s: %s.", cfg.init_from, result.describe(net))
    return {"run": cfg.init_from, "data": trained.chosen.data, **asdict(result)}
