import functools

import pytest

from gequnet.nets.e2unet import E2UNet
from gequnet.nets.unet import UNet
from gequnet.nets.width import ChannelWidth, FixedWidth, ParameterWidth, continued, parameters

GROUPS = ["c1", "c4", "c8", "d4", "so2"]


def recipe(group: str):
    return functools.partial(_e2unet, group)


def _e2unet(group: str, widths: list[int]) -> E2UNet:
    return E2UNet(3, 1, widths, group)


def _unet(widths: list[int]) -> UNet:
    return UNet(3, 1, widths)


@pytest.mark.parametrize("group", GROUPS)
def test_as_many_parameters_as_the_baseline(group):
    widths = ParameterWidth(_unet, [12, 24, 45]).solve(recipe(group))
    ratio = parameters(recipe(group)(widths)) / parameters(_unet([12, 24, 45]))
    # Whole fields allow no better at this size for the larger groups.
    assert ratio == pytest.approx(1, abs=0.06)
    assert sorted(widths) == widths


def test_the_baseline_is_its_own_answer():
    assert ParameterWidth(_unet, [12, 24, 45]).solve(_unet) == [12, 24, 45]


def test_as_many_channels_as_the_baseline():
    rule = ChannelWidth([32, 64, 96])
    assert rule.solve(_unet) == [32, 64, 96]
    for group, size in (("c4", 4), ("c8", 8), ("d8", 16), ("d16", 32)):
        assert rule.solve(functools.partial(_e2unet, group)) == [32 // size, 64 // size, 96 // size]


@pytest.mark.parametrize("depth", [1, 2, 4, 5])
def test_another_depth_keeps_the_budget(depth):
    widths = ParameterWidth(_unet, [12, 24, 45], depth).solve(_unet)
    assert len(widths) == depth
    assert parameters(_unet(widths)) == pytest.approx(parameters(_unet([12, 24, 45])), rel=0.05)


def test_proportions_continue_by_their_last_ratio():
    assert continued([8, 12], 4) == [8, 12, 18, 27]
    assert continued([8, 12, 24], 2) == [8, 12]
    assert continued([8], 3) == [8, 16, 32]
    assert ChannelWidth([32, 64], 3).solve(_unet) == [32, 64, 128]


def test_fixed_widths_stay():
    assert FixedWidth([3, 5]).solve(_unet) == [3, 5]
