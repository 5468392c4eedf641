"""Summary printed before a training: field types of the network, cost, exact symmetries, data and optimizer."""

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
    """Print the summary and write it to ``summary.txt`` in the run folder.

    Args:
        cfg: resolved configuration.
        data: the data module.
        net: the network.
        processes: number of training processes.
    """
    text = "\n".join([*describe(net, data.patch_size), *describe_training(cfg, data, processes)])
    print(text, flush=True)
    RunFolder(cfg.paths.run).summary.write_text(text + "\n", encoding="utf-8")


def describe(net: nn.Module, sides: list[int]) -> Iterator[str]:
    """Lines that describe a network: a row for each level, then parameters, cost, exact symmetries and input sizes.

    Args:
        net: network with the field type of each level in ``types``; it is not changed.
        sides: sides of a training patch.

    >>> from gequnet.nets.e2unet import E2UNet
    >>> for line in describe(E2UNet(1, 1, [2, 3], "c4"), [32, 32]):
    ...     print(line)
    E2UNet: 1 channel -> 1 logit, group c4
      encoders.0  2 fields of C4 regular = 8 channels   32x32  116 parameters
      encoders.1  3 fields of C4 regular = 12 channels  16x16  372 parameters
      decoders.0  2 fields of C4 regular = 8 channels   32x32  344 parameters
      parameters  835: encoder 488, decoder 344, head 3
      cost        6.9 M operations for a forward pass of a 32x32 patch; 462 kB of activations for the backward pass
      symmetries  rotations by 90°, 180°, 270°, exact at every input size
      input size  every size: sides are padded to a multiple of 2, odd ones to one more
    """
    inputs, logits = cast(int, net.in_channels), cast(int, net.num_classes)
    group = f", group {net.group}" if getattr(net, "group", None) is not None else ""
    yield f"{type(net).__name__}: {counted(inputs, 'channel')} -> {counted(logits, 'logit')}{group}"
    yield from _table(list(level_rows(net, sides)))
    yield f"  parameters  {parameters(net)}{_by_part(net)}"
    yield (
        f"  cost        {large_number(flops(net, sides))} operations for a forward pass of a {format_sides(sides)} "
        f"patch; {size(activations(net, sides))} of activations for the backward pass"
    )
    yield f"  symmetries  {exact_symmetries(net)}"
    if hasattr(net, "sizes"):
        yield f"  input size  {net.sizes}"


def level_rows(net: nn.Module, sides: list[int]) -> Iterator[tuple[str, str, str, str]]:
    """Module name, field type, sides of the map for a patch, and parameters of each level.

    The sides come from a forward pass of a copy without memory for weights. With several scales they are those of the
    finest.
    """
    shadow = meta_copy(net).eval()
    map_sides: dict[str, str] = {}
    dims = cast(int, net.spatial_dims)

    def record(name: str, result: Tensor) -> None:
        map_sides.setdefault(name, format_sides(result.shape[-dims:]))

    types: dict[str, str] = getattr(net, "types", {})
    for name in types:
        shadow.get_submodule(name).register_forward_hook(lambda _module, _inputs, result, at=name: record(at, result))
    with torch.no_grad():
        shadow(meta_image(shadow, sides))
    for name, kind in types.items():
        yield name.rpartition("chain.")[2], kind, map_sides[name], f"{parameters(net.get_submodule(name))} parameters"


def exact_symmetries(net: nn.Module) -> str:
    """Elements of the plane's symmetry that the network commutes with up to rounding."""
    elements = exact_elements(net)[1:]
    if not elements:
        return "none exact" + ("; the equivariance error is measured after the test" if net.spatial_dims == 2 else "")
    rotations = [str(element) for element in elements if not element.flip]
    mirrors = sum(element.flip for element in elements)
    kinds = [f"rotations by {', '.join(rotations)}"] if rotations else []
    kinds += [counted(mirrors, "mirror")] if mirrors else []
    return f"{' and '.join(kinds)}, exact at every input size"


def describe_training(cfg: DictConfig, data: Any, processes: int = 1) -> Iterator[str]:
    """Lines that describe the training: data, steps, loss and optimizer."""
    images = {split: len(ids) for split, ids in data.splits.items()} | {"train": len(data.training_ids)}
    yield (
        f"  data        {data.name}: {images['train']} images to train on, {images['val']} to validate, "
        f"{images['test']} to test; {data.patches_per_epoch} patches of {format_sides(data.patch_size)} an epoch"
    )
    batch = counted(data.batch_size, "patch", "es") + (f" in each of {processes} processes" if processes > 1 else "")
    steps = training_batches(cfg, data, processes) // cfg.trainer.accumulate_grad_batches
    yield f"  training    {counted(steps, 'step')} of {batch}, {counted(cfg.validations, 'validation')}"
    optimizer = cfg.optim._target_.rpartition(".")[2]
    yield f"  optimizer   {optimizer} at {cfg.optim.lr:g}, loss {cfg.chosen.loss}, {data.head} head"


def _table(rows: list[tuple[str, str, str, str]]) -> Iterator[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for name, kind, sides, weights in rows:
        first = f"  {name:<{widths[0]}}  {kind:<{widths[1]}}"
        yield f"{first}  {sides:<{widths[2]}}  {weights:>{widths[3]}}"


def _by_part(net: nn.Module) -> str:
    parts: dict[str, tuple[str, ...]] = getattr(net, "parts", {})
    counts = [f"{part} {sum(parameters(net.get_submodule(name)) for name in names)}" for part, names in parts.items()]
    return f": {', '.join(counts)}" if counts else ""


def format_sides(sides: Any) -> str:
    """Sides as text, ``64x64``."""
    return "x".join(str(side) for side in sides)


def counted(number: int, what: str, plural: str = "s") -> str:
    """Number and noun in singular or plural: ``1 mirror``, ``4 mirrors``."""
    return f"{number} {what}" + ("" if number == 1 else plural)
