"""A plain network as a safetensors file: the weights as tensors, and the layers as JSON in the metadata.

Such a file contains no program. Use it to rebuild the network in a framework of another language, or to train it
further in PyTorch without the symmetry. ``load_safetensors`` builds the plain network from it. Without gequnet, the
JSON lists the layers to build, under the names of their tensors.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from gequnet.config.extras import optional_imports
from gequnet.errors import ConfigError
from gequnet.export.channel_layers import EachField, FourierNorm, OverScales, RepeatChannels, SelectChannels
from gequnet.export.memory_format import to_fastest_memory_format
from gequnet.export.norms import GroupNorm
from gequnet.export.padding import PlainMirroredFrame, RepeatedFrame
from gequnet.export.pyramid import Pyramid
from gequnet.export.resampling import (
    PlainBlurPool,
    PlainDouble,
    PlainMaxPool,
    PlainTransposedConv,
    Resampled,
    StridedConv,
)
from gequnet.export.test_time_augmentation import PlainOrbitAverage
from gequnet.export.unet import Block, PlainUNet
from gequnet.layers.plain import ACTIVATIONS

ARCHITECTURE = "architecture"
CONVOLUTION = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "groups", "padding_mode")
# Layers by their names in files. Files exist: do not change a name, an argument or the name of a part.
LAYERS: dict[str, tuple[type[nn.Module], tuple[str, ...]]] = {
    "Sequential": (nn.Sequential, ()),
    "ModuleList": (nn.ModuleList, ()),
    "Identity": (nn.Identity, ()),
    "Conv2d": (nn.Conv2d, CONVOLUTION),
    "Conv3d": (nn.Conv3d, CONVOLUTION),
    "ConvTranspose2d": (nn.ConvTranspose2d, (*CONVOLUTION, "output_padding")),
    "ConvTranspose3d": (nn.ConvTranspose3d, (*CONVOLUTION, "output_padding")),
    "GroupNorm": (GroupNorm, ("num_groups", "num_channels", "eps")),
    "ReLU": (nn.ReLU, ()),
    "LeakyReLU": (nn.LeakyReLU, ("negative_slope",)),
    "ELU": (nn.ELU, ("alpha",)),
    "SiLU": (nn.SiLU, ()),
    "GELU": (nn.GELU, ()),
    "Block": (Block, ()),
    "UNet": (PlainUNet, ("scales",)),
    "RepeatedFrame": (RepeatedFrame, ("halvings", "odd_only")),
    "MirroredFrame": (PlainMirroredFrame, ("halvings", "block", "halving", "doubling")),
    "BlurPool": (PlainBlurPool, ("taps", "padded")),
    "MaxPool": (PlainMaxPool, ()),
    "Double": (PlainDouble, ("padded",)),
    "Resampled": (Resampled, ()),
    "StridedConv": (StridedConv, ("padding_mode",)),
    "TransposedConv": (PlainTransposedConv, ()),
    "Repeated": (RepeatChannels, ("times",)),
    "Channels": (SelectChannels, ("order",)),
    "EachField": (EachField, ("fields",)),
    "OverScales": (OverScales, ("scales", "how")),
    "FourierNorm": (FourierNorm, ("groups", "channels", "eps")),
    "Pyramid": (Pyramid, ("pitches", "halvings")),
    "Orbit": (PlainOrbitAverage, ("elements",)),
}
NAMES = {layer: name for name, (layer, _) in LAYERS.items()}
assert set(ACTIVATIONS.values()) <= set(NAMES)


def layer_to_dict(module: nn.Module) -> dict[str, Any]:
    """A layer with its inner layers as a dict: ``{"kind": name, "with": {arguments}, "parts": {name: layer}}``."""
    kind = NAMES[type(module)]
    arguments = {name: getattr(module, name) for name in LAYERS[kind][1]}
    if isinstance(module, nn.Conv2d | nn.Conv3d | nn.ConvTranspose2d | nn.ConvTranspose3d):
        arguments["bias"] = module.bias is not None
    parts = {name: layer_to_dict(part) for name, part in module.named_children()}
    return {"kind": kind, "with": arguments, "parts": parts}


def layer_from_dict(layer: Mapping[str, Any]) -> nn.Module:
    """Build a layer from the result of ``layer_to_dict``; its weights are new ones."""
    kind, _ = LAYERS[layer["kind"]]
    parts = {name: layer_from_dict(part) for name, part in layer["parts"].items()}
    if kind is nn.Sequential:
        return nn.Sequential(*parts.values())
    if kind is nn.ModuleList:
        return nn.ModuleList(parts.values())
    arguments = {name: tuple(value) if isinstance(value, list) else value for name, value in layer["with"].items()}
    return kind(**arguments, **parts)


def write_safetensors(net: nn.Module, path: Path, metadata: Mapping[str, str]) -> None:
    """Write the weights, with the architecture and the given metadata as the metadata of the file."""
    with optional_imports():
        from safetensors.torch import save

    weights = {name: tensor.contiguous() for name, tensor in net.state_dict().items()}
    path.write_bytes(save(weights, {**metadata, ARCHITECTURE: json.dumps(layer_to_dict(net))}))


def load_safetensors(path: str | Path) -> nn.Module:
    """The plain network of a safetensors file, in evaluation mode.

    Raises:
        ConfigError: the file does not exist, or ``write_safetensors`` has not written it.
    """
    with optional_imports():
        from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            metadata, weights = file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        net = layer_from_dict(json.loads(metadata[ARCHITECTURE]))
        net.load_state_dict(weights, strict=True)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ConfigError(
            f"{path} is no safetensors file of gequnet.export ({error}): write one with "
            "python -m gequnet.export RUN -o NAME.safetensors."
        ) from error
    return to_fastest_memory_format(net).eval()
