"""Costs of networks, compared with real runs in real memory and with sums by hand."""

import copy
from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from gequnet.errors import ShapeError
from gequnet.nets.costs import BUDGETS, activations, budgets, channels, flops, parameters
from gequnet.nets.e2unet import E2UNet
from gequnet.nets.unet import UNet
from gequnet.nets.width import build_on_meta
from helpers.slow import slow_unless

LEARNED = {"downsample": "strided", "upsample": "transposed"}
NETS = {
    "plain": (lambda widths: UNet(3, 1, widths), (33, 40)),
    "odd and even": (lambda widths: UNet(1, 2, widths, norm="none", downsample="average"), (31, 24)),
    "everything": (
        lambda widths: UNet(3, 1, widths, norm="group", dropout=0.1, residual=True, padding_mode="reflect", **LEARNED),
        (32, 32),
    ),
    "volume": (lambda widths: UNet(1, 3, widths, spatial_dims=3, norm="instance", downsample="max"), (12, 9, 16)),
    "c4": (lambda widths: E2UNet(3, 1, widths, "c4"), (33, 40)),
    "d4": (lambda widths: E2UNet(3, 1, widths, "d4", dropout=0.1, norm="instance", residual=True), (32, 32)),
    "d4 learned": (lambda widths: E2UNet(3, 1, widths, "d4", norm="group", **LEARNED), (33, 25)),
    "c8 restricted": (lambda widths: E2UNet(3, 1, widths, "c8", restrict={1: "c4"}, downsample="max"), (24, 24)),
    "so2": (lambda widths: E2UNet(3, 1, widths, "so2", activation="elu"), (32, 33)),
    "o2": (lambda widths: E2UNet(3, 1, widths, "o2", norm="none", restrict={2: "d4"}), (24, 24)),
}


class Small(nn.Module):
    """A network for sums by hand."""

    spatial_dims, in_channels, group, widths = 2, 3, None, (4,)

    def __init__(self, after: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.conv, self.after = nn.Conv2d(3, 4, 3, padding=1, bias=False), after

    def forward(self, image: Tensor) -> Tensor:
        return self.after(self.conv(image))


def real_flops(net: nn.Module, sides: Sequence[int]) -> int:
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        net.eval()(torch.zeros(1, net.in_channels, *sides))
    return counter.get_total_flops()


def real_activations(net: nn.Module, sides: Sequence[int], images: int = 1) -> int:
    """Bytes that autograd saves at different addresses."""
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        net.train()(torch.rand(images, net.in_channels, *sides))
    for owned in (*net.parameters(), *net.buffers()):
        kept.pop(owned.untyped_storage().data_ptr(), None)
    return sum(storage.nbytes() for storage in kept.values())


@pytest.mark.parametrize("name", slow_unless({"plain", "volume", "d4", "d4 learned"}.__contains__, NETS))
def test_costs_on_the_meta_device_equal_those_of_a_real_run(name):
    build, sides = NETS[name]
    meta, net = build_on_meta(build, [2, 3, 4]), build([2, 3, 4])
    assert flops(meta, sides) == flops(net, sides) == real_flops(build([2, 3, 4]), sides)
    assert activations(meta, sides) == activations(net, sides) == real_activations(build([2, 3, 4]), sides)


def test_a_convolution_multiplies_and_adds():
    assert flops(Small(torch.relu), 8) == 2 * (3 * 9) * (4 * 64)


@pytest.mark.parametrize(
    ("after", "maps"),
    [
        (torch.relu, [4]),  # its output
        (lambda y: y * 2, []),
        (lambda y: y * y, [4]),  # one storage, kept twice
        (lambda y: y.exp() + y * y + y.flatten(1).view_as(y) * y, [4, 4]),
    ],
)
def test_a_storage_counts_once_and_a_parameter_never(after, maps):
    """Expected: the image and the maps of 4 channels that the derivative needs, 64 pixels of 4 bytes each."""
    assert activations(Small(after), 8) == (3 + sum(maps)) * 64 * 4


def test_one_side_stands_for_all():
    net = UNet(1, 1, [2, 3], spatial_dims=3)
    assert budgets(net, 8) == budgets(net, [8, 8, 8])
    assert tuple(budgets(net, 8)) == BUDGETS


def test_channels_are_widths_times_those_of_a_field():
    for group, size in (("c1", 1), ("c8", 8), ("d4", 8), ("so2", 7), ("o2", 14)):
        assert channels(E2UNet(1, 1, [2, 3, 5], group)) == 10 * size
    assert channels(UNet(1, 1, [2, 3, 5])) == 10


def test_parameters_are_those_that_are_learned():
    net = E2UNet(1, 1, [2, 3], "c4")
    learned = [value for key, value in net.state_dict().items() if key.endswith(("weight", "bias"))]
    assert parameters(net) == sum(value.numel() for value in learned)


@pytest.mark.parametrize("training", [True, False])
def test_the_network_stays_as_it_is(training):
    net = E2UNet(3, 1, [2, 3], "c4").train(training)
    net.encoders[0].eval()
    modes = [module.training for module in net.modules()]
    before = copy.deepcopy(net.state_dict())
    with torch.no_grad():
        budgets(net, 16)
    assert [module.training for module in net.modules()] == modes
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert all(p.grad is None and p.device.type == "cpu" for p in net.parameters())


def test_costs_do_not_depend_on_deterministic_algorithms():
    """An earlier run in the same process may have switched them on."""
    net = E2UNet(1, 1, [2, 3], "c4")
    before = budgets(net, 32)
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        assert budgets(net, 32) == before
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.is_deterministic_algorithms_warn_only_enabled()
    finally:
        torch.use_deterministic_algorithms(False)


def test_no_memory_is_used():
    """At this size one map of the finest level has 640 GB; padding adds relatively more at the small size."""
    net = UNet(3, 1, [4, 6])
    assert activations(net, 200_000) > 640e9
    assert activations(net, 200_000) == pytest.approx(activations(net, 2_000) * 10_000, rel=1e-3)
    assert flops(net, 200_000) == flops(net, 2_000) * 10_000


def test_a_coarsest_level_of_one_pixel():
    """Batch normalisation refuses one image, so each of two counts half."""
    net = UNet(3, 1, [4, 6, 9])
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        real_activations(net, [4, 4])
    assert activations(net, 4) == real_activations(net, [4, 4], images=2) // 2


def test_sides_that_the_network_refuses():
    with pytest.raises(ShapeError, match="odd sides"):
        flops(E2UNet(3, 1, [2, 3], "c4", downsample="strided"), 32)
