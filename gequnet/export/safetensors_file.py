"""A twin as text and tensors: which layers there are, as JSON, and their weights, as a safetensors file.

Such a file holds nothing that runs. It is for taking the weights somewhere else: to a framework of another language, or
back into PyTorch to be trained further without the symmetry. ``load`` builds the twin from it; whoever has no gequnet
reads in the JSON what to build, layer by layer, under the names that the tensors have.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from gequnet.config.extras import optional_imports
from gequnet.errors import ConfigError
from gequnet.export.channel_layers import Channels, EachField, FourierNorm, OverScales, Repeated
from gequnet.export.memory_format import quickest
from gequnet.export.norms import GroupNorm
from gequnet.export.padding import MirroredFrame, RepeatedFrame
from gequnet.export.pyramid import Pyramid
from gequnet.export.resampling import BlurPool, Double, MaxPool, Resampled, StridedConv, TransposedConv
from gequnet.export.test_time_augmentation import Orbit
from gequnet.export.unet import Block, UNet
from gequnet.layers.plain import ACTIVATIONS

ARCHITECTURE = "architecture"
CONVOLUTION = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "groups", "padding_mode")
ARGUMENTS: dict[type[nn.Module], tuple[str, ...]] = {
    nn.Sequential: (), nn.ModuleList: (), nn.Identity: (),
    nn.Conv2d: CONVOLUTION, nn.Conv3d: CONVOLUTION,
    nn.ConvTranspose2d: (*CONVOLUTION, "output_padding"), nn.ConvTranspose3d: (*CONVOLUTION, "output_padding"),
    GroupNorm: ("num_groups", "num_channels", "eps"),
    nn.ReLU: (), nn.LeakyReLU: ("negative_slope",), nn.ELU: ("alpha",), nn.SiLU: (), nn.GELU: (),
    Block: (), UNet: ("scales",), RepeatedFrame: ("halvings", "odd_only"),
    MirroredFrame: ("halvings", "block", "halving", "doubling"),
    BlurPool: ("taps", "padded"), MaxPool: (), Double: ("padded",), Resampled: (),
    StridedConv: ("padding_mode",), TransposedConv: (),
    Repeated: ("times",), Channels: ("order",), EachField: ("fields",), OverScales: ("scales", "how"),
    FourierNorm: ("groups", "channels", "eps"),
    Pyramid: ("pitches", "halvings"), Orbit: ("elements",),
}  # fmt: skip
assert set(ACTIVATIONS.values()) <= set(ARGUMENTS)
KINDS = {kind.__name__: kind for kind in ARGUMENTS}


def described(module: nn.Module) -> dict[str, Any]:
    """A layer and those in it: ``{"kind": …, "with": {arguments}, "parts": {name: layer}}``."""
    arguments = {name: getattr(module, name) for name in ARGUMENTS[type(module)]}
    if isinstance(module, nn.Conv2d | nn.Conv3d | nn.ConvTranspose2d | nn.ConvTranspose3d):
        arguments["bias"] = module.bias is not None
    parts = {name: described(part) for name, part in module.named_children()}
    return {"kind": type(module).__name__, "with": arguments, "parts": parts}


def built(text: Mapping[str, Any]) -> nn.Module:
    """The layer that is described."""
    kind, parts = KINDS[text["kind"]], {name: built(part) for name, part in text["parts"].items()}
    if kind is nn.Sequential:
        return nn.Sequential(*parts.values())
    if kind is nn.ModuleList:
        return nn.ModuleList(parts.values())
    arguments = {name: tuple(value) if isinstance(value, list) else value for name, value in text["with"].items()}
    return kind(**arguments, **parts)


def write(net: nn.Module, path: Path, facts: Mapping[str, str]) -> None:
    """Writes the weights, with the architecture and the facts as the file's metadata."""
    with optional_imports():
        from safetensors.torch import save

    weights = {name: tensor.contiguous() for name, tensor in net.state_dict().items()}
    path.write_bytes(save(weights, {**facts, ARCHITECTURE: json.dumps(described(net))}))


def load(path: str | Path) -> nn.Module:
    """The twin in a safetensors file, in evaluation mode.

    Raises:
        ConfigError: it is not a file of a twin.
    """
    with optional_imports():
        from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            facts, weights = file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        net = built(json.loads(facts[ARCHITECTURE]))
        net.load_state_dict(weights, strict=True)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ConfigError(
            f"{path} is no network that gequnet.export has written as safetensors ({error}): write one with "
            "python -m gequnet.export RUN -o NAME.safetensors."
        ) from error
    return quickest(net).eval()
