"""Losses and norms of a batch in two parts, each in a process of its own, are those of the batch in one."""

import copy
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor, nn

from gequnet.distributed import all_gather, all_reduce_sum
from gequnet.layers.field_norm import FieldBatchNorm
from gequnet.layers.scale_maps import AcrossScales
from gequnet.layers.shared_norm import share_statistics
from gequnet.losses.base import SegmentationLoss
from gequnet.losses.overlap import OverlapLoss
from gequnet.symmetry.gspace import FieldType, PlaneGroup
from helpers.loss_cases import batch
from helpers.ranks import grouped
from helpers.repository import CONF

LOSS_FILES = CONF / "loss"
FLOAT64_TOLERANCE = {"rtol": 1e-12, "atol": 1e-13}
PARTS = [slice(0, 1), slice(1, 4)]  # of a batch of four: one image, and three of which the last has no valid pixel


def averaged(values: dict[str, Tensor]) -> dict[str, Tensor]:
    """What DistributedDataParallel makes of gradients."""
    parts = all_gather(values)
    return {name: sum(part[name] for part in parts) / len(parts) for name in values}


def losses() -> Iterator[tuple[str, SegmentationLoss]]:
    """Every loss of conf/, under every head that it fits, over the batch and over images, with weights of classes."""
    for path in sorted(LOSS_FILES.glob("*.yaml")):
        node = OmegaConf.load(path)
        for head, over, weights in product(("sigmoid", "softmax"), ("batch", "image"), (None, [0.2, 1.0, 3.0])):
            options = {"head": head, "class_weights": weights} | ({"over": over} if "over" in node else {})
            made: type[SegmentationLoss] = instantiate({"_target_": "hydra.utils.get_class", "path": node._target_})
            if head in made.heads and ("over" in node or over == "batch"):
                yield f"{path.stem} {head} {over} {weights}", instantiate(node, **options)


def slope_of(loss: SegmentationLoss, scale: Tensor, case: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """The loss, and its gradient with regard to a number that all logits are multiplied by."""
    scale = scale.clone().requires_grad_()
    logits, mask, valid, weight = case
    value = loss(scale * logits, mask, valid, **({"weight": weight} if loss.weighted else {}))
    (gradient,) = torch.autograd.grad(value, scale)
    return value.detach(), gradient


def test_every_loss_is_that_of_the_whole_batch(tmp_path: Path) -> None:
    named = dict(losses())
    assert {name.partition(" ")[0] for name in named} == {path.stem for path in LOSS_FILES.glob("*.yaml")}
    assert any(isinstance(loss, OverlapLoss) and loss.over == "image" for loss in named.values())
    scale, weight = torch.tensor(1.3, dtype=torch.float64), torch.rand(4, 7, 6, dtype=torch.float64)
    cases = {head: (*batch(head, 3, size=4, dtype=torch.float64), weight) for head in ("sigmoid", "softmax")}
    whole = {name: slope_of(loss, scale, cases[loss.head]) for name, loss in named.items()}
    alone = {
        name: slope_of(loss.eval(), scale, [part[:1] for part in cases[loss.head]]) for name, loss in named.items()
    }

    def of_one_part(rank: int) -> None:
        for name, loss in named.items():
            part = [values[PARTS[rank]] for values in cases[loss.head]]
            value, gradient = slope_of(loss.train(), scale, part)
            torch.testing.assert_close(value, whole[name][0], **FLOAT64_TOLERANCE, msg=name)
            mean = averaged({"scale": gradient})["scale"]
            torch.testing.assert_close(mean, whole[name][1], **FLOAT64_TOLERANCE, msg=name)
            if rank == 0:  # while the others are elsewhere, as in a validation
                torch.testing.assert_close(slope_of(loss.eval(), scale, part)[0], alone[name][0], msg=name)

    grouped(of_one_part, tmp_path)


def of_fields(group: str) -> nn.Module:
    """Batch normalisation of three fields."""
    return FieldBatchNorm(FieldType(PlaneGroup.parse(group).regular, 3))


NORMS: dict[str, tuple[Callable[[], nn.Module], list[int]]] = {
    "plane": (lambda: nn.BatchNorm2d(3), [3, 5, 6]),
    "volume": (lambda: nn.BatchNorm3d(3), [3, 5, 6, 2]),
    "window of scales": (lambda: AcrossScales(nn.BatchNorm2d(3)), [3, 4, 5, 6]),
    "c4": (lambda: of_fields("c4"), [12, 5, 6]),
    "o2": (lambda: of_fields("o2"), [3 * PlaneGroup.parse("o2").regular.size, 5, 6]),
}


def trained(norm: nn.Module, x: Tensor, target: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Two batches through a norm: what comes out, and the gradient of a sum over it with regard to scale and shift.

    The first of them is made of what the second one is, by the norm's own scale: so its gradient goes through the norm.
    """
    out = norm(norm(x.square()) + x)
    (out * target).sum().backward()
    return out.detach(), {name: p.grad for name, p in norm.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("name", NORMS)
def test_every_batch_norm_is_that_of_the_whole_batch(name: str, tmp_path: Path) -> None:
    make, shape = NORMS[name]
    norm = make().double()
    x, target = torch.randn(2, 4, *shape, dtype=torch.float64)
    one = copy.deepcopy(norm)
    out, gradients = trained(one, x, target)

    def of_one_part(rank: int) -> None:
        keys, kind = list(norm.state_dict()), type(norm)
        share_statistics(norm, all_reduce_sum)
        found, own = trained(norm, x[PARTS[rank]], target[PARTS[rank]])
        torch.testing.assert_close(found, out[PARTS[rank]], **FLOAT64_TOLERANCE)
        for key, mean in averaged(own).items():  # the sum is over a part, not a mean over all
            torch.testing.assert_close(2 * mean, gradients[key], **FLOAT64_TOLERANCE, msg=key)
        share_statistics(norm, None)
        assert (list(norm.state_dict()), type(norm)) == (keys, kind)
        for key, value in one.state_dict().items():
            torch.testing.assert_close(norm.state_dict()[key], value, **FLOAT64_TOLERANCE, msg=key)
        torch.testing.assert_close(norm(x), one(x), **FLOAT64_TOLERANCE)  # each by itself again

    grouped(of_one_part, tmp_path)


def test_in_half_precision_statistics_are_full(tmp_path: Path) -> None:
    """A mean of 300 leaves nothing of a deviation of 1 in bfloat16 sums."""
    norm = nn.BatchNorm2d(1)
    x = (300 + torch.randn(4, 1, 8, 8)).bfloat16()
    expected = copy.deepcopy(norm)(x.float())

    def of_one_part(rank: int) -> None:
        share_statistics(norm, all_reduce_sum)
        found = norm(x[PARTS[rank]])
        assert found.dtype == torch.bfloat16
        torch.testing.assert_close(found.float(), expected[PARTS[rank]], rtol=1e-2, atol=1e-2)

    grouped(of_one_part, tmp_path)
