"""`python -m gequnet.export`: a trained network as one file that needs neither gequnet nor any library of groups.

Every equivariant layer becomes an ordinary convolution that does the same. The file takes batches and images of every
size, is compared with the network before it gets its name, and holds as metadata what one has to know to use it: what
the classes are, how intensities are scaled, what the logits mean.
"""

import json
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import torch
from torch import nn

import gequnet
from gequnet.errors import ConfigError
from gequnet.export import load, onnx_file, plain_network, safetensors_file, torch_program
from gequnet.export.pyramid import Pyramid
from gequnet.export.verification import Function, largest_difference, requires_odd_size

TOLERANCE = 1e-4
FORMATS = (".onnx", ".pt2", ".safetensors")


class Exported(NamedTuple):
    """What was written: the file, which sizes it takes, and how far it is from the network, relative."""

    path: Path
    sizes: str
    error: float


class Format(NamedTuple):
    """How a twin is written to a file, and the file read as a function of images."""

    write: Callable[[Path], None]
    read: Callable[[Path], Function]


def export(
    run: "str | Path | gequnet.inference.predictor.Predictor",
    path: str | Path,
    opset: int = onnx_file.OPSET,
    tolerance: float = TOLERANCE,
) -> Exported:
    """Writes the plain twin of a run's network as one file, if it does what the network does.

    The file is written beside its place, read again, compared with the network at sizes of both parities of each axis
    and with batches of one and two, and then given its name; where it differs nothing is left.

    Args:
        run: the folder of a finished run, or what ``gequnet.load`` makes of one.
        path: of the file; its ending, ``.onnx``, ``.pt2`` or ``.safetensors``, says what it becomes.
        opset: of ONNX.
        tolerance: largest difference of logits, relative to the largest.

    Raises:
        ConfigError: it is no finished run, there is no such format or folder, or the file does something else than the
            network.
    """
    path = Path(path)
    if path.suffix not in FORMATS:
        raise ConfigError(f"{path.name} names no format that is known: let it end with one of {', '.join(FORMATS)}.")
    if not path.parent.is_dir():
        raise ConfigError(f"{path.parent} is no folder: make it, or choose another place for {path.name}.")
    if opset < onnx_file.OPSET:
        raise ConfigError(f"--opset {opset} is too old for what a network is made of: take {onnx_file.OPSET} or later.")
    predictor = gequnet.load(run) if isinstance(run, str | Path) else run
    folder = Path(run) if isinstance(run, str | Path) else Path(predictor.recipe["paths"]["run"])
    network = predictor.network.cpu().eval()
    plain = plain_network(network)
    facts = facts_of(predictor, plain, folder)
    form = _form(path.suffix, plain, predictor.in_channels, predictor.spatial_dims, facts, opset)
    with TemporaryDirectory(dir=path.parent, prefix=".export-") as beside:
        draft = Path(beside) / path.name
        form.write(draft)
        found = largest_difference(form.read(draft), network, plain, predictor.in_channels, predictor.spatial_dims)
        if not found.error <= tolerance:
            raise ConfigError(
                f"{path.name} was not written: of an image {list(found.shape)} its logits differ from the network's by "
                f"{found.error:.1e} of the largest, and {tolerance:g} is allowed. This is a mistake in gequnet, or in "
                "a package that it exports with; please report it."
            )
        draft.replace(path)
    return Exported(path, facts["sizes"], found.error)


def _form(suffix: str, plain: nn.Module, in_channels: int, dims: int, facts: Mapping[str, str], opset: int) -> Format:
    if suffix == ".safetensors":
        return Format(lambda path: safetensors_file.write(plain, path, facts), _loaded)
    recorded = torch_program.record(plain, in_channels, dims)
    if suffix == ".pt2":
        return Format(lambda path: torch_program.write(recorded, path, facts), torch_program.read)
    simple = not any(isinstance(layer, Pyramid) for layer in plain.modules())
    facts = {**facts, "opset": str(opset)}
    return Format(lambda path: onnx_file.write(recorded, path, facts, opset, simple), onnx_file.read)


def _loaded(path: Path) -> Function:
    return torch.no_grad()(load(path))


def facts_of(predictor: "gequnet.inference.predictor.Predictor", plain: nn.Module, folder: Path) -> dict[str, str]:
    """What one has to know to use the file: text, and JSON where it is more than a word."""
    recipe, preprocessing = predictor.recipe, predictor.preprocessing
    scale = (
        None
        if preprocessing.fixed is None
        else {"mean": preprocessing.fixed.shift.tolist(), "std": preprocessing.fixed.unit.tolist()}
    )
    metrics = folder / "metrics.json"
    measured = json.loads(metrics.read_text()) if metrics.exists() else {}
    facts: dict[str, Any] = {
        "made_by": f"gequnet {version('gequnet')}",
        "model": recipe["chosen"]["model"],
        "group": recipe["chosen"]["group"],
        "trained_on": recipe["data"]["name"],
        "input": "image, float32 [batch, channels, *space], made ready as normalisation and grid say",
        "output": "logits, float32 [batch, classes, *space], before the head's function",
        "spatial_dims": predictor.spatial_dims,
        "in_channels": predictor.in_channels,
        "num_classes": predictor.num_classes,
        "class_names": predictor.class_names,
        "head": predictor.head,
        "threshold": predictor.threshold,
        "normalisation": {"rule": preprocessing.normalisation, "of_all_images": scale},
        "grid": {"side": preprocessing.side, "spacing_mm": preprocessing.spacing, "cropped": preprocessing.crop},
        "patch_size": recipe["data"]["patch_size"],
        "sizes": sizes_of(plain),
        "fingerprint": measured.get("fingerprint"),
        "equivariance": measured.get("equivariance"),
    }
    return {name: _text(value) for name, value in facts.items() if value is not None}


def sizes_of(plain: nn.Module) -> str:
    """Which batches and sizes the file takes."""
    return f"batches of any number, images of {'odd sides' if requires_odd_size(plain) else 'every size'}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=list)
