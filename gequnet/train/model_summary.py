"""What is about to be trained: the network as its types, what it costs, what it commutes with, on what it trains."""

from collections.abc import Iterator
from typing import Any, cast

import torch
from omegaconf import DictConfig
from pytorch_lightning.utilities import rank_zero_only
from torch import Tensor, nn

from gequnet.formatting import large_number, size
from gequnet.nets.costs import activations, flops, meta_copy, meta_image, parameters
from gequnet.runs.layout import RunFolder
from gequnet.symmetry.equivariance import exact_elements
from gequnet.train.trainer import training_batches


@rank_zero_only
def print_summary(cfg: DictConfig, data: Any, net: nn.Module, processes: int = 1) -> None:
    """Prints the summary and keeps it in the run's folder.

    Args:
        cfg: settled.
        data: the data module.
        net: the network.
        processes: that train it.
    """
    text = "\n".join([*describe(net, data.patch_size), *situation(cfg, data, processes)])
    print(text, flush=True)
    RunFolder(cfg.paths.run).summary.write_text(text + "\n", encoding="utf-8")


def describe(net: nn.Module, sides: list[int]) -> Iterator[str]:
    """A network in lines: a row for each level, and what is true of it as a whole.

    Args:
        net: says in ``types`` what the map of each level is; stays as it is.
        sides: of a training patch.

    >>> from gequnet.nets.e2unet import E2UNet
    >>> for line in describe(E2UNet(1, 1, [2, 3], "c4"), [32, 32]):
    ...     print(line)
    E2UNet: 1 channel -> 1 logit, group c4
      encoders.0  2 fields of C4 regular = 8 channels   32x32  116 parameters
      encoders.1  3 fields of C4 regular = 12 channels  16x16  372 parameters
      decoders.0  2 fields of C4 regular = 8 channels   32x32  344 parameters
      parameters  835: encoder 488, decoder 344, head 3
      costs       6.9 M operations for a patch of 32x32, forward; 462 kB kept of it for the way back
      exact       under turns by 90°, 180°, 270°, at every size that it takes
      takes       every size: sides are padded to a multiple of 2, odd ones to one more
    """
    inputs, logits = cast(int, net.in_channels), cast(int, net.num_classes)
    group = f", group {net.group}" if getattr(net, "group", None) is not None else ""
    yield f"{type(net).__name__}: {some(inputs, 'channel')} -> {some(logits, 'logit')}{group}"
    yield from _table(list(levels(net, sides)))
    yield f"  parameters  {parameters(net)}{_by_part(net)}"
    yield (
        f"  costs       {large_number(flops(net, sides))} operations for a patch of {by(sides)}, forward; "
        f"{size(activations(net, sides))} kept of it for the way back"
    )
    yield f"  exact       {exact(net)}"
    if hasattr(net, "sizes"):
        yield f"  takes       {net.sizes}"


def levels(net: nn.Module, sides: list[int]) -> Iterator[tuple[str, str, str, str]]:
    """For each level the module, what its map is, its sides for a patch, and its parameters.

    The sides are looked at, in a network without memory; of several scales those of the finest.
    """
    paper = meta_copy(net).eval()
    seen: dict[str, str] = {}
    dims = cast(int, net.spatial_dims)

    def look(name: str, result: Tensor) -> None:
        seen.setdefault(name, by(result.shape[-dims:]))

    types: dict[str, str] = getattr(net, "types", {})
    for name in types:
        paper.get_submodule(name).register_forward_hook(lambda _module, _inputs, result, at=name: look(at, result))
    with torch.no_grad():
        paper(meta_image(paper, sides))
    for name, said in types.items():
        yield name.rpartition("chain.")[2], said, seen[name], f"{parameters(net.get_submodule(name))} parameters"


def exact(net: nn.Module) -> str:
    """What the network commutes with to rounding."""
    elements = exact_elements(net)[1:]
    if not elements:
        return "under nothing" + ("; how far it is off is measured after the test" if net.spatial_dims == 2 else "")
    turns = [str(element) for element in elements if not element.flip]
    mirrors = sum(element.flip for element in elements)
    said = [f"turns by {', '.join(turns)}"] if turns else []
    said += [some(mirrors, "mirror")] if mirrors else []
    return f"under {' and '.join(said)}, at every size that it takes"


def situation(cfg: DictConfig, data: Any, processes: int = 1) -> Iterator[str]:
    """What it is trained on, and towards what."""
    images = {split: len(ids) for split, ids in data.splits.items()} | {"train": len(data.training_ids)}
    yield (
        f"  data        {data.name}: {images['train']} images to train on, {images['val']} to validate, "
        f"{images['test']} to test; {data.patches_per_epoch} patches of {by(data.patch_size)} an epoch"
    )
    batch = some(data.batch_size, "patch", "es") + (f" in each of {processes} processes" if processes > 1 else "")
    steps = training_batches(cfg, data, processes) // cfg.trainer.accumulate_grad_batches
    yield f"  training    {some(steps, 'step')} of {batch}, {some(cfg.validations, 'validation')}"
    optimizer = cfg.optim._target_.rpartition(".")[2]
    yield f"  learns by   {cfg.chosen.loss}, {optimizer} at {cfg.optim.lr:g}; {data.head} head"


def _table(rows: list[tuple[str, str, str, str]]) -> Iterator[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for name, said, sides, learned in rows:
        first = f"  {name:<{widths[0]}}  {said:<{widths[1]}}"
        yield f"{first}  {sides:<{widths[2]}}  {learned:>{widths[3]}}"


def _by_part(net: nn.Module) -> str:
    parts: dict[str, tuple[str, ...]] = getattr(net, "parts", {})
    counts = [f"{part} {sum(parameters(net.get_submodule(name)) for name in names)}" for part, names in parts.items()]
    return f": {', '.join(counts)}" if counts else ""


def by(sides: Any) -> str:
    """``64x64``."""
    return "x".join(str(side) for side in sides)


def some(number: int, what: str, plural: str = "s") -> str:
    """``1 mirror``, ``4 mirrors``."""
    return f"{number} {what}" + ("" if number == 1 else plural)
