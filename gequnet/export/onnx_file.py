"""A recorded network as an ONNX file, and such a file as a function."""

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


def write(
    program: ExportedProgram, path: Path, facts: Mapping[str, str], opset: int = OPSET, optimize: bool = True
) -> None:
    """Writes one file: graph, weights and facts. Its input is called ``image``, its output ``logits``.

    Args:
        program: as ``gequnet.export.torch_program.record`` makes it.
        path: of the file.
        facts: what is known of the network, as the file's metadata.
        opset: version of the operators.
        optimize: whether the exporter may simplify the graph. It takes numbers for 1 that differ from 1 by a hundred
            thousandth, which the sides of a pyramid's grids do not survive.
    """
    with optional_imports():  # the formats' packages are needed by none of the other formats
        import onnx
        import onnxscript  # noqa: F401  (torch.onnx.export imports it)

    with _quiet():
        made = torch.onnx.export(
            program, dynamo=True, opset_version=opset, input_names=["image"], output_names=["logits"], verbose=False,
            optimize=optimize,
        )  # fmt: skip
    assert made is not None
    _without_empty_biases(made.model.graph)
    model = made.model_proto
    space = len(model.graph.input[0].type.tensor_type.shape.dim) - 2
    names = ("batch", None, *("depth", "height", "width")[-space:])
    for value in (model.graph.input[0], model.graph.output[0]):
        for dim, name in zip(value.type.tensor_type.shape.dim, names, strict=True):
            if name:
                dim.dim_param = name
    del model.graph.value_info[:]  # shapes of maps in between, in PyTorch's names
    for node in model.graph.node:  # and where in whose files a node comes from
        del node.metadata_props[:]
        node.doc_string = ""
    onnx.helper.set_model_props(model, dict(facts))
    model.producer_name = "gequnet"
    onnx.checker.check_model(model)
    onnx.save(model, path)


def read(path: Path) -> Callable[[Tensor], Tensor]:
    """The file as a function of images on the CPU, run by onnxruntime."""
    with optional_imports():
        import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def run(image: Tensor) -> Tensor:
        return torch.from_numpy(session.run(["logits"], {"image": image.numpy()})[0])

    return run


def _without_empty_biases(graph: Any) -> None:
    """Takes from convolutions the bias of zeros that the exporter gives to those without one.

    In three dimensions it makes it a matrix, which onnxruntime refuses where nothing simplifies it away.
    """
    for node in graph:
        made_by = node.inputs[2].producer() if node.op_type == "Conv" and len(node.inputs) == 3 else None
        if made_by is not None and made_by.op_type == "Expand":
            node.replace_input_with(2, None)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's remarks on packages that are not there and names that will change."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
