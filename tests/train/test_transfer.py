"""Transfer of weights from one network to another, and learning rates of the parts."""

import copy
from functools import partial

import pytest
import torch
from torch import nn

from gequnet.errors import ConfigError
from gequnet.nets.e2unet import E2UNet
from gequnet.nets.scale_unet import ScaleUNet
from gequnet.nets.unet import UNet
from gequnet.symmetry.scale_group import ScaleGroup
from gequnet.train.finetune import PARTS, Finetune, part_of, parts_of
from gequnet.train.transfer import layer_of, transfer_weights

NETS = {
    "unet": partial(UNet, spatial_dims=2),
    "unet residual, transposed": partial(UNet, residual=True, downsample="strided", upsample="transposed"),
    "unet3d": partial(UNet, spatial_dims=3),
    "e2unet": partial(E2UNet, group="d4"),
    "e2unet restricted": partial(E2UNet, group="d4", restrict={1: "c4"}),
    "scale_unet": partial(ScaleUNet, group=ScaleGroup(1.5, 3), spatial_dims=2),
    "scale_unet choice": partial(
        ScaleUNet, group=ScaleGroup(1.5, 3), spatial_dims=2, projection="choice", train_scales=2
    ),
}


def small(name: str, in_channels: int = 1, num_classes: int = 1, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return NETS[name](in_channels=in_channels, num_classes=num_classes, widths=[2, 3, 4])


@pytest.mark.parametrize("name", NETS)
def test_every_weight_is_in_one_part(name: str) -> None:
    net = small(name)
    modules = [module for part in PARTS for module in parts_of(net)[part]]
    for key in net.state_dict():
        assert sum(f"{key}.".startswith(f"{module}.") for module in modules) == 1
    assert {part_of(net, key) for key in net.state_dict()} == set(PARTS)


@pytest.mark.parametrize("name", NETS)
def test_a_network_of_the_same_kind_is_taken_as_a_whole(name: str) -> None:
    net, other = small(name), small(name, seed=1)
    found = transfer_weights(net, other.state_dict())
    assert found.left == {}
    assert set(found.taken) == {layer_of(net, key) for key in net.state_dict()}
    image = torch.randn(1, 1, *[17] * net.spatial_dims)
    assert torch.equal(net.eval()(image), other.eval()(image))


@pytest.mark.parametrize("name", ["unet", "e2unet", "scale_unet"])
def test_what_does_not_fit_keeps_its_own_and_says_why(name: str) -> None:
    net, other = small(name, in_channels=3, num_classes=2), small(name, seed=1)
    before = copy.deepcopy(net.state_dict())
    found = transfer_weights(net, other.state_dict())
    first = next(layer_of(net, key) for key in net.state_dict() if "encoders.0" in key)
    assert set(found.left) == {first, "chain.head" if name == "scale_unet" else "head"}
    assert "there" in found.left[first]
    for key, value in net.state_dict().items():
        assert torch.equal(value, before[key] if layer_of(net, key) in found.left else other.state_dict()[key])
    said = found.describe(net)
    assert "head 0 of 1 layers" in said
    assert "decoder 4 of 4 layers" in said
    assert f"{first} not transferred: " in said


def test_a_new_head_starts_anew() -> None:
    net, other = small("unet"), small("unet", seed=1)
    own = net.head.weight.clone()
    assert transfer_weights(net, other.state_dict(), new_head=True).left == {"head": "a new head"}
    assert torch.equal(net.head.weight, own)


def test_a_deeper_network_says_what_the_other_does_not_have() -> None:
    net = UNet(1, 1, [2, 3, 4, 5])
    found = transfer_weights(net, small("unet").state_dict())
    assert found.left["encoders.3.units.0"] == "not in the other network"


def test_an_empty_encoder_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"no layer of the encoder fits \(encoders\.0\.units\.0: .* there, .* here\)"):
        transfer_weights(UNet(1, 1, [5, 6, 7]), small("unet").state_dict())


def test_a_network_without_parts_is_refused() -> None:
    with pytest.raises(ConfigError, match="Conv2d has no attribute `parts`"):
        transfer_weights(nn.Conv2d(1, 1, 1), {})


@pytest.mark.parametrize("name", NETS)
def test_parts_learn_at_their_own_rates(name: str) -> None:
    net, rates = small(name), {"encoder": 0.1, "decoder": 0.3, "head": 1.0}
    finetune = Finetune(rates)
    optimizer = finetune.scale_learning_rates(
        torch.optim.AdamW(finetune.parameter_groups(net), lr=0.5, weight_decay=0.2)
    )
    found = {id(parameter): group for group in optimizer.param_groups for parameter in group["params"]}
    assert len(found) == len(list(net.parameters()))
    for key, parameter in net.named_parameters():
        assert found[id(parameter)]["lr"] == pytest.approx(0.5 * rates[part_of(net, key)])
        assert found[id(parameter)]["weight_decay"] == (0.2 if parameter.ndim > 1 else 0.0)
    assert optimizer.param_groups[0]["lr"] == 0.5


@pytest.mark.parametrize("name", NETS)
def test_a_frozen_part_stays_what_it_is(name: str) -> None:
    net = small(name)
    finetune = Finetune({"encoder": 0.0})
    finetune.freeze(net)
    before = copy.deepcopy(net.state_dict())
    optimizer = finetune.scale_learning_rates(torch.optim.SGD(finetune.parameter_groups(net), lr=0.5))
    net(torch.randn(2, 1, *[17] * net.spatial_dims)).square().mean().backward()
    optimizer.step()
    changed = {part_of(net, key) for key, value in net.state_dict().items() if not torch.equal(value, before[key])}
    assert changed == {"decoder", "head"}


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        ({"encodr": 1.0}, "encoder"),
        ({"head": -1.0}, "below 0"),
        (dict.fromkeys(PARTS, 0.0), "nothing would be learned"),
    ],
)
def test_impossible_rates_are_refused(rates: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Finetune(rates)
