"""The plain network equals the network, and has plain layers only."""

import copy
from itertools import product

import pytest
import torch
from hydra.utils import get_class
from omegaconf import OmegaConf
from torch import nn

from gequnet.errors import ConfigError, ShapeError
from gequnet.export import plain_network
from gequnet.inference.test_time_augmentation import OrbitAverage
from gequnet.nets.e2unet import E2UNet
from gequnet.nets.unet import UNet
from gequnet.symmetry.actions import act_on_image
from gequnet.symmetry.equivariance import relative_error
from helpers.export_cases import CASES, made, sides_for
from helpers.repository import CONF
from helpers.slow import slow_unless

ROUNDING = 1e-5
ORDINARY = ("torch.nn", "gequnet.export")
MODELS = CONF / "model"
SAMPLE = set(list(CASES)[::3])


@torch.no_grad()
@pytest.mark.parametrize("case", slow_unless(SAMPLE.__contains__, CASES))
def test_the_plain_network_equals_the_network(case):
    net = made(case)
    plain = plain_network(net)
    for sides in product(sides_for(case), repeat=net.spatial_dims):
        image = torch.randn(2, 2, *sides)
        assert relative_error(plain(image), net(image)) < ROUNDING, sides


@pytest.mark.parametrize("case", slow_unless(SAMPLE.__contains__, CASES))
def test_only_plain_layers_are_left(case):
    strange = [
        layer for layer in plain_network(made(case)).modules() if not type(layer).__module__.startswith(ORDINARY)
    ]
    assert not strange
    assert not [
        layer for layer in plain_network(made(case)).modules() if isinstance(layer, nn.BatchNorm2d | nn.BatchNorm3d)
    ]


def test_every_family_has_a_case():
    targets = {OmegaConf.load(path).model.get("_target_", "") for path in MODELS.glob("*.yaml")} - {""}
    assert {get_class(target) for target in targets} <= {type(made(case)) for case in CASES}


def test_the_network_stays_as_it_is():
    net = made("e2unet d4, batch").train()
    before = copy.deepcopy(net.state_dict())
    plain = plain_network(net)
    assert net.training
    assert not plain.training
    with torch.no_grad():
        for parameter in plain.parameters():
            parameter.zero_()
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


@torch.no_grad()
@pytest.mark.parametrize("case", ["e2unet d4, batch", "e2unet o2, instance", "e2unet o2 to d4"])
@pytest.mark.parametrize("sides", [(22, 22), (23, 30)])
def test_the_plain_network_commutes_with_the_group(case, sides):
    plain, image = plain_network(made(case)), torch.randn(1, 2, *sides)
    for element in made(case).exact_group.grid_elements()[1:]:
        assert relative_error(plain(act_on_image(image, element)), act_on_image(plain(image), element)) < ROUNDING


def test_the_plain_network_refuses_even_sides_like_the_network():
    with pytest.raises(ShapeError, match="odd sides"):
        plain_network(made("e2unet, learned"))(torch.zeros(1, 2, 16, 17))


def test_a_layer_without_a_rule_is_named():
    net = UNet(1, 1, [2, 3])
    net.head = nn.Softplus()
    with pytest.raises(ConfigError, match="Softplus"):
        plain_network(net)


def test_an_orbit_of_angles_between_is_refused():
    with pytest.raises(ConfigError, match="c8"):
        plain_network(OrbitAverage(UNet(1, 1, [2, 3]), "c8"))


def test_no_more_parameters_than_a_plain_u_net_of_the_same_channels():
    plain = plain_network(E2UNet(3, 1, [2, 3], "c8"))
    same = UNet(3, 1, [16, 24])
    folded = sum(norm.num_features for norm in same.modules() if isinstance(norm, nn.BatchNorm2d))
    # The two parameters of a norm for each channel are folded into one, the bias of the convolution.
    assert sum(p.numel() for p in plain.parameters()) == sum(p.numel() for p in same.parameters()) - folded
