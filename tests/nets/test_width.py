import functools

import pytest

from gequnet.nets.budgets import BUDGETS, parameters
from gequnet.nets.e2unet import E2UNet
from gequnet.nets.unet import UNet
from gequnet.nets.width import BudgetWidth, ChannelWidth, FixedWidth, Match, continued

GROUPS = ["c1", "c2", "c4", "c8", "c16", "d1", "d2", "d4", "d8", "d16", "so2", "o2"]
SIDES = 64


def _unet(widths: list[int]) -> UNet:
    return UNet(3, 1, widths)


def _e2unet(widths: list[int], group: str) -> E2UNet:
    return E2UNet(3, 1, widths, group)


def recipe(group: str):
    return _unet if group == "none" else functools.partial(_e2unet, group=group)


@functools.cache
def matched(budget: str, group: str, baseline: tuple[int, ...], depth: int) -> Match:
    if budget == "channels":
        return ChannelWidth(_unet, baseline, SIDES, depth).match(recipe(group))
    return BudgetWidth(budget, _unet, baseline, SIDES, depth).match(recipe(group))


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("widths", [(12, 24, 45), (32, 64, 96), (8, 16, 32, 64)])
def test_the_baseline_is_its_own_answer(budget, widths):
    match = matched(budget, "none", widths, len(widths))
    assert match.widths == list(widths)
    assert match.met
    assert match.miss is None
    assert match.ratios == dict.fromkeys(BUDGETS, 1.0)


def test_as_many_channels_as_the_baseline():
    for group, size in (("none", 1), ("c4", 4), ("c8", 8), ("d8", 16), ("d16", 32)):
        match = matched("channels", group, (32, 64, 96), 3)
        assert match.widths == [32 // size, 64 // size, 96 // size]
        assert match.ratios["channels"] == 1.0
        assert match.met


@pytest.mark.parametrize("depth", [1, 2, 4, 5])
def test_another_depth_keeps_the_budget(depth):
    match = matched("parameters", "none", (12, 24, 45), depth)
    assert len(match.widths) == depth
    assert match.met
    assert match.baseline["widths"] == [12, 24, 45]
    assert parameters(_unet(match.widths)) == pytest.approx(parameters(_unet([12, 24, 45])), rel=0.01)


def test_proportions_continue_by_their_last_ratio():
    assert continued([8, 12], 4) == [8, 12, 18, 27]
    assert continued([8, 12, 24], 2) == [8, 12]
    assert continued([8], 3) == [8, 16, 32]
    assert ChannelWidth(_unet, [32, 64], SIDES, 3).solve(_unet) == [32, 64, 128]


def test_fixed_widths_stay():
    match = FixedWidth([3, 5], _unet, [6, 10], SIDES).match(_unet)
    assert match.widths == [3, 5]
    assert match.budget is match.bound is match.met is match.miss is None
    assert match.ratios["channels"] == 0.5
