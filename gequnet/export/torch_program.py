"""Recorded graph of a network for every batch and image size, and its file in PyTorch's format."""

import copy
import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from gequnet.export.memory_format import to_contiguous
from gequnet.export.padding import RepeatedFrame

AXES = {2: ("height", "width"), 3: ("depth", "height", "width")}
METADATA_FILE = "facts.json"


def record(net: nn.Module, in_channels: int, dims: int) -> ExportedProgram:
    """Record the graph of a plain network, from ``image`` [B, C, *space] to logits [B, K, *space].

    Args:
        net: result of ``gequnet.export.plain_network``.
        in_channels: C.
        dims: number of axes of space.
    """
    names = ("batch", *AXES[dims])
    shapes = {axis: Dim(name, min=1) for axis, name in zip((0, *range(2, dims + 2)), names, strict=True)}
    image = torch.zeros(2, in_channels, *example_sides(net, dims))
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.export.export(
            NamedInput(to_contiguous(copy.deepcopy(net))), (), {"image": image}, dynamic_shapes={"image": shapes},
            prefer_deferred_runtime_asserts_over_guards=True,
        )  # fmt: skip
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # paths of source files on this machine
    return program


def write_program(program: ExportedProgram, path: Path, metadata: Mapping[str, str]) -> None:
    """Write the graph with its weights; the metadata are JSON in an extra file inside the archive."""
    torch.export.save(program, path, extra_files={METADATA_FILE: json.dumps(metadata, indent=1)})


def read_program(path: Path) -> Callable[[Tensor], Tensor]:
    """Read the file as a function of images."""
    program = torch.export.load(path).module()

    @torch.no_grad()
    def run(image: Tensor) -> Tensor:
        logits: Tensor = program(image=image)
        return logits

    return run


class NamedInput(nn.Module):
    """A wrapper that names the input of a network ``image``."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: Tensor) -> Tensor:
        """[B, C, *space] -> logits [B, K, *space]."""
        logits: Tensor = self.net(image)
        return logits


def example_sides(net: nn.Module, dims: int) -> list[int]:
    """Sides of an image that the network accepts; all different, because recording merges equal sides."""
    side = 8 * 2 ** max([frame.halvings for frame in net.modules() if isinstance(frame, RepeatedFrame)], default=1)
    return [side + 1 + 2 * axis for axis in range(dims)]
