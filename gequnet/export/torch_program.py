"""A network as a recorded graph for every batch and every size, in PyTorch's own file."""

import copy
import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from gequnet.export.memory_format import contiguous
from gequnet.export.padding import RepeatedFrame

AXES = {2: ("height", "width"), 3: ("depth", "height", "width")}
FACTS = "facts.json"


def record(net: nn.Module, in_channels: int, dims: int) -> ExportedProgram:
    """The graph of a twin, from ``image`` [B, C, *space] to logits [B, K, *space].

    Args:
        net: of ``gequnet.export.plain_network``.
        in_channels: C.
        dims: axes of space.
    """
    names = ("batch", *AXES[dims])
    shapes = {axis: Dim(name, min=1) for axis, name in zip((0, *range(2, dims + 2)), names, strict=True)}
    image = torch.zeros(2, in_channels, *example(net, dims))
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.export.export(
            Named(contiguous(copy.deepcopy(net))), (), {"image": image}, dynamic_shapes={"image": shapes},
            prefer_deferred_runtime_asserts_over_guards=True,
        )  # fmt: skip
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # where on this machine it was recorded
    return program


def write(program: ExportedProgram, path: Path, facts: Mapping[str, str]) -> None:
    """Writes the graph with its weights, and the facts as JSON in an extra file within the file."""
    torch.export.save(program, path, extra_files={FACTS: json.dumps(facts, indent=1)})


def read(path: Path) -> Callable[[Tensor], Tensor]:
    """The file as a function of images."""
    program = torch.export.load(path).module()

    @torch.no_grad()
    def run(image: Tensor) -> Tensor:
        logits: Tensor = program(image=image)
        return logits

    return run


class Named(nn.Module):
    """A network whose input has a name that says what it is."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: Tensor) -> Tensor:
        """Image to logits."""
        logits: Tensor = self.net(image)
        return logits


def example(net: nn.Module, dims: int) -> list[int]:
    """Sides of an image that the network takes; different ones, as a recording takes equal ones for one number."""
    side = 8 * 2 ** max([frame.halvings for frame in net.modules() if isinstance(frame, RepeatedFrame)], default=1)
    return [side + 1 + 2 * axis for axis in range(dims)]
