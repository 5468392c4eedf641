"""Export of a trained network to one file that needs neither gequnet nor a library of groups.

Every equivariant layer becomes a plain convolution with the same output. The file accepts batches and images of every
size. It is compared with the network before it gets its name. Its metadata are what a user needs: the classes, the
scale of intensities, the meaning of the logits.
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
from gequnet.export import load_safetensors, onnx_file, plain_network, safetensors_file, torch_program
from gequnet.export.pyramid import Pyramid
from gequnet.export.verification import Function, largest_difference, requires_odd_size
from gequnet.runs.layout import RunFolder

TOLERANCE = 1e-4
FORMATS = (".onnx", ".pt2", ".safetensors")


class ExportResult(NamedTuple):
    """The written file, the sizes it accepts, and its relative difference from the network."""

    path: Path
    sizes: str
    error: float


class FileFormat(NamedTuple):
    """A file format: a function that writes a plain network, and one that reads it as a function of images."""

    write: Callable[[Path], None]
    read: Callable[[Path], Function]


def export(
    run: "str | Path | gequnet.inference.predictor.Predictor",
    path: str | Path,
    opset: int = onnx_file.OPSET,
    tolerance: float = TOLERANCE,
) -> ExportResult:
    """Write the plain network of a run to one file, if it equals the network of the run.

    The file is written to a temporary folder beside ``path`` and read again. It is compared with the network at even
    and odd sizes of each axis, in batches of one and two, and then moved to ``path``. If it differs, it is deleted.

    Args:
        run: the folder of a finished run, or the result of ``gequnet.load``.
        path: path of the file; its ending, ``.onnx``, ``.pt2`` or ``.safetensors``, selects the format.
        opset: version of the ONNX operators.
        tolerance: largest allowed difference of logits, relative to the largest logit.

    Raises:
        ConfigError: ``run`` is no finished run, there is no such format or folder, or the file differs from the
            network.
    """
    path = Path(path)
    if path.suffix not in FORMATS:
        raise ConfigError(f"{path.name} has no known format: its ending must be one of {', '.join(FORMATS)}.")
    if not path.parent.is_dir():
        raise ConfigError(f"{path.parent} is no folder: create it, or choose another folder for {path.name}.")
    if opset < onnx_file.OPSET:
        raise ConfigError(f"--opset {opset} is too old for the layers of a network: take {onnx_file.OPSET} or later.")
    predictor = gequnet.load(run) if isinstance(run, str | Path) else run
    folder = Path(run) if isinstance(run, str | Path) else Path(predictor.recipe["paths"]["run"])
    network = predictor.network.cpu().eval()
    plain = plain_network(network)
    metadata = export_metadata(predictor, plain, folder)
    form = _file_format(path.suffix, plain, predictor.in_channels, predictor.spatial_dims, metadata, opset)
    with TemporaryDirectory(dir=path.parent, prefix=".export-") as temporary:
        draft = Path(temporary) / path.name
        form.write(draft)
        difference = largest_difference(form.read(draft), network, plain, predictor.in_channels, predictor.spatial_dims)
        if not difference.error <= tolerance:
            raise ConfigError(
                f"{path.name} was not written: for an image of shape {list(difference.shape)} its logits differ from "
                f"the network's by {difference.error:.1e} of the largest logit; {tolerance:g} is allowed. This is a "
                "bug in gequnet or in a package that it exports with; please report it."
            )
        draft.replace(path)
    return ExportResult(path, metadata["sizes"], difference.error)


def _file_format(
    suffix: str, plain: nn.Module, in_channels: int, dims: int, metadata: Mapping[str, str], opset: int
) -> FileFormat:
    if suffix == ".safetensors":
        return FileFormat(lambda path: safetensors_file.write_safetensors(plain, path, metadata), _load_function)
    recorded = torch_program.record(plain, in_channels, dims)
    if suffix == ".pt2":
        return FileFormat(
            lambda path: torch_program.write_program(recorded, path, metadata), torch_program.read_program
        )
    simple = not any(isinstance(layer, Pyramid) for layer in plain.modules())
    metadata = {**metadata, "opset": str(opset)}
    return FileFormat(lambda path: onnx_file.write_onnx(recorded, path, metadata, opset, simple), onnx_file.read_onnx)


def _load_function(path: Path) -> Function:
    return torch.no_grad()(load_safetensors(path))


def export_metadata(
    predictor: "gequnet.inference.predictor.Predictor", plain: nn.Module, folder: Path
) -> dict[str, str]:
    """Metadata of the exported file: text, or JSON for values that are not text."""
    recipe, preprocessing = predictor.recipe, predictor.preprocessing
    scale = (
        None
        if preprocessing.fixed is None
        else {"mean": preprocessing.fixed.shift.tolist(), "std": preprocessing.fixed.unit.tolist()}
    )
    run = RunFolder(folder)
    metrics = run.read_metrics() if run.is_finished else {}
    values: dict[str, Any] = {
        "made_by": f"gequnet {version('gequnet')}",
        "model": recipe["chosen"]["model"],
        "group": recipe["chosen"]["group"],
        "trained_on": recipe["data"]["name"],
        "input": "image, float32 [batch, channels, *space], preprocessed by normalisation and grid",
        "output": "logits, float32 [batch, classes, *space], before the sigmoid or softmax of the head",
        "spatial_dims": predictor.spatial_dims,
        "in_channels": predictor.in_channels,
        "num_classes": predictor.num_classes,
        "class_names": predictor.class_names,
        "head": predictor.head,
        "threshold": predictor.threshold,
        "normalisation": {"rule": preprocessing.normalisation, "of_all_images": scale},
        "grid": {"side": preprocessing.side, "spacing_mm": preprocessing.spacing, "cropped": preprocessing.crop},
        "patch_size": recipe["data"]["patch_size"],
        "sizes": describe_sizes(plain),
        "fingerprint": metrics.get("fingerprint"),
        "equivariance": metrics.get("equivariance"),
    }
    return {name: _text(value) for name, value in values.items() if value is not None}


def describe_sizes(plain: nn.Module) -> str:
    """The batches and image sizes that the exported file accepts, as text."""
    return f"batches of any number, images of {'odd sides' if requires_odd_size(plain) else 'every size'}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=list)
