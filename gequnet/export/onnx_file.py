"""Writing of a recorded network to an ONNX file, and reading of such a file as a function."""

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.export import ExportedProgram

from gequnet.config.extras import optional_imports

OPSET = 18


def write_onnx(
    program: ExportedProgram, path: Path, metadata: Mapping[str, str], opset: int = OPSET, optimize: bool = True
) -> None:
    """Write graph, weights and metadata to one file. Its input is called ``image``, its output ``logits``.

    Args:
        program: result of ``gequnet.export.torch_program.record``.
        path: path of the file.
        metadata: facts about the network, stored in the file.
        opset: version of the operators.
        optimize: true if the exporter may simplify the graph. It replaces numbers that differ from 1 by 1e-5 by 1,
            which makes the sides of a pyramid's grids wrong.
    """
    with optional_imports():  # the formats' packages are needed by none of the other formats
        import onnx
        import onnxscript  # noqa: F401  (torch.onnx.export imports it)

    with _silence_exporter():
        exported = torch.onnx.export(
            program, dynamo=True, opset_version=opset, input_names=["image"], output_names=["logits"], verbose=False,
            optimize=optimize,
        )  # fmt: skip
    assert exported is not None
    _remove_zero_biases(exported.model.graph)
    model = exported.model_proto
    space = len(model.graph.input[0].type.tensor_type.shape.dim) - 2
    names = ("batch", None, *("depth", "height", "width")[-space:])
    for value in (model.graph.input[0], model.graph.output[0]):
        for dim, name in zip(value.type.tensor_type.shape.dim, names, strict=True):
            if name:
                dim.dim_param = name
    del model.graph.value_info[:]  # shapes of intermediate maps, with PyTorch's names
    for node in model.graph.node:  # the source file and line of each node
        del node.metadata_props[:]
        node.doc_string = ""
    onnx.helper.set_model_props(model, dict(metadata))
    model.producer_name = "gequnet"
    onnx.checker.check_model(model)
    onnx.save(model, path)


def read_onnx(path: Path) -> Callable[[Tensor], Tensor]:
    """Read the file as a function of images on the CPU, run by onnxruntime."""
    with optional_imports():
        import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def run(image: Tensor) -> Tensor:
        return torch.from_numpy(session.run(["logits"], {"image": image.numpy()})[0])

    return run


def _remove_zero_biases(graph: Any) -> None:
    """Remove the bias of zeros that the exporter adds to convolutions without a bias.

    In three dimensions the exporter makes it a matrix, which onnxruntime refuses unless the graph is simplified.
    """
    for node in graph:
        bias = node.inputs[2].producer() if node.op_type == "Conv" and len(node.inputs) == 3 else None
        if bias is not None and bias.op_type == "Expand":
            node.replace_input_with(2, None)


@contextmanager
def _silence_exporter() -> Iterator[None]:
    """Silence the exporter's warnings about missing packages and deprecated names."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
