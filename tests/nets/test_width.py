"""Width rules: an equal budget where whole fields allow it, and a message where they do not."""

import functools
import itertools
import math

import numpy as np
import pytest

from gequnet.config.build import build, match_widths
from gequnet.config.compose import compose, resolve
from gequnet.config.explain import choices
from gequnet.errors import ConfigError
from gequnet.nets.costs import BUDGETS, MEASURES, budgets, parameters
from gequnet.nets.e2unet import E2UNet
from gequnet.nets.scale_unet import ScaleUNet
from gequnet.nets.unet import UNet
from gequnet.nets.width import BOUNDS, BudgetWidth, ChannelWidth, FixedWidth, WidthMatch, build_on_meta, extend_widths
from gequnet.nets.width_search import fit_budget, is_similar
from gequnet.symmetry.scale_group import ScaleGroup
from helpers.slow import slow_unless

GROUPS = ["none", *[name for name in choices()["group"] if name != "none"]]
BASELINES = [(12, 24, 45), (16, 32, 64), (32, 64, 96), (8, 16, 32, 64)]
SIDES = 64


def _unet(widths: list[int]) -> UNet:
    return UNet(3, 1, widths)


def _e2unet(widths: list[int], group: str) -> E2UNet:
    return E2UNet(3, 1, widths, group)


def _scale_unet(widths: list[int], count: int) -> ScaleUNet:
    return ScaleUNet(3, 1, widths, ScaleGroup(2**0.5, count), spatial_dims=2)


def recipe(group: str):
    if group.startswith("scale"):
        return functools.partial(_scale_unet, count=int(group.removeprefix("scale")))
    return _unet if group == "none" else functools.partial(_e2unet, group=group)


@functools.cache
def matched(budget: str, group: str, baseline: tuple[int, ...], depth: int | None = None) -> WidthMatch:
    if budget == "channels":
        return ChannelWidth(_unet, baseline, SIDES, depth).match(recipe(group))
    return BudgetWidth(budget, _unet, baseline, SIDES, depth).match(recipe(group))


def within_bound(budget: str, group: str, baseline: tuple[int, ...]) -> list[list[int]]:
    """All similar shapes within the bound, by exhaustive search up to twice the widths of the match."""
    widest = 2 * max(w / b for w, b in zip(matched(budget, group, baseline).widths, baseline, strict=True))
    rows = np.array(list(itertools.product(*[range(1, math.ceil(widest * width) + 3) for width in baseline])))
    rows = rows[is_similar(rows, np.array(baseline, dtype=float))]

    def measure(widths: list[int]) -> int:
        return MEASURES[budget](build_on_meta(recipe(group), widths), SIDES)

    target = MEASURES[budget](build_on_meta(_unet, list(baseline)), SIDES)
    predicted = fit_budget(measure, len(baseline))(rows.astype(float)) / target - 1
    near = rows[np.abs(predicted) <= 2 * BOUNDS[budget]].tolist()
    return [widths for widths in near if abs(measure(widths) / target - 1) <= BOUNDS[budget]]


def check_bound(budget: str, group: str, baseline: tuple[int, ...]) -> None:
    match = matched(budget, group, baseline)
    net, plain = recipe(group)(match.widths), _unet(list(baseline))
    assert match.achieved == budgets(net, SIDES)
    assert match.baseline == {"widths": list(baseline), **budgets(plain, SIDES)}
    assert match.ratios == {name: match.achieved[name] / match.baseline[name] for name in BUDGETS}
    assert match.widths == sorted(match.widths)
    off = abs(match.ratios[budget] - 1)
    if match.met:
        assert off <= match.bound
        assert match.miss is None
    else:
        assert off > match.bound
        assert within_bound(budget, group, baseline) == []
        assert str(match.widths) in match.miss


@pytest.mark.parametrize("group", slow_unless(lambda group: group == "c4", ["c4", "c8", "d8", "so2"]))
def test_as_many_parameters_or_no_shape_has_them(group):
    check_bound("parameters", group, (12, 24, 45))


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("baseline", BASELINES)
@pytest.mark.parametrize("budget", BOUNDS)
def test_every_budget_is_met_or_no_shape_meets_it(budget, baseline, group):
    check_bound(budget, group, baseline)


@pytest.mark.parametrize("group", ["none", "c8", "d16", "so2"])
@pytest.mark.parametrize("baseline", [(6, 12, 20), (32, 64, 96)])
def test_channels_to_the_nearest_field_or_a_message(baseline, group):
    match = matched("channels", group, baseline)
    size = 1 if group == "none" else E2UNet(1, 1, [1], group).group.regular.size
    off = [abs(size * width - b) for width, b in zip(match.widths, baseline, strict=True)]
    nearest = [min(abs(size * fields - b) for fields in range(100)) for b in baseline]
    assert match.met == (off == nearest)
    assert (match.miss is None) == match.met
    if all(b % size == 0 for b in baseline):
        assert match.widths == [b // size for b in baseline]
        assert match.ratios["channels"] == 1.0


@pytest.mark.parametrize(
    ("budget", "widths"), [("parameters", (12, 24, 45)), ("parameters", (8, 16, 32, 64)), ("flops", (32, 64, 96))]
)
def test_the_baseline_matches_itself(budget, widths):
    match = matched(budget, "none", widths)
    assert match.widths == list(widths)
    assert match.met
    assert match.ratios == dict.fromkeys(BUDGETS, 1.0)


@pytest.mark.parametrize(("group", "by_hand"), [("c4", [6, 10, 12]), ("c8", [4, 6, 9]), ("d8", [3, 5, 6])])
def test_comparable_with_widths_found_by_hand(group, by_hand):
    """Widths matched by hand to 63 thousand parameters, in another topology, against a U-Net of [6, 12, 20].

    Both have about the same fraction of the baseline's total width, and its proportions to two fields.
    """
    widths = matched("parameters", group, (12, 24, 45)).widths
    fraction = sum(widths) / (12 + 24 + 45)
    assert fraction == pytest.approx(sum(by_hand) / (6 + 12 + 20), rel=0.2)
    scales = np.linspace(0, 1, 1001)[:, None]
    assert np.abs(widths - scales * [12, 24, 45]).max(axis=1).min() <= 2


def test_groups_of_equally_large_fields_have_equal_widths():
    assert matched("parameters", "c8", (12, 24, 45)).widths == matched("parameters", "d4", (12, 24, 45)).widths


@pytest.mark.parametrize("depth", [1, 2, 4, 5])
def test_another_depth_keeps_the_budget(depth):
    match = matched("parameters", "none", (12, 24, 45), depth)
    assert len(match.widths) == depth
    assert match.baseline["widths"] == [12, 24, 45]
    assert parameters(_unet(match.widths)) == pytest.approx(parameters(_unet([12, 24, 45])), rel=0.01)


def test_proportions_continue_by_their_last_ratio():
    assert extend_widths([8, 12], 4) == [8, 12, 18, 27]
    assert extend_widths([8, 12, 24], 2) == [8, 12]
    assert extend_widths([8], 3) == [8, 16, 32]
    assert ChannelWidth(_unet, [32, 64], SIDES, 3).match(_unet).widths == [32, 64, 128]


def test_fixed_widths_stay():
    match = FixedWidth([3, 5], _unet, [6, 10], SIDES).match(_unet)
    assert match.widths == [3, 5]
    assert match.budget is match.bound is match.met is match.miss is None
    assert match.ratios["channels"] == 0.5


def test_a_miss_is_a_sentence():
    assert matched("parameters", "c8", (12, 24, 45)).miss == (
        "no shape like [12, 24, 45] in whole fields of C8 comes within 1 % of 63 094 parameters; "
        "[6, 11, 18] has 1.2 % more"
    )
    assert matched("channels", "d8", (6, 12, 20)).miss == (
        "no shape like [6, 12, 20] in whole fields of D8 has as many channels at each level; [1, 1, 1] has 26.3 % more"
    )


def test_a_budget_that_nothing_reaches_is_missed():
    """One field of D16 at each level has more parameters than this baseline."""
    match = matched("parameters", "d16", (2, 3, 4))
    assert match.widths == [1, 1, 1]
    assert not match.met
    assert match.miss.endswith("more")


def test_an_unknown_budget_is_refused():
    with pytest.raises(ConfigError, match="parameters, flops, activations"):
        BudgetWidth("time", _unet, [4, 8], SIDES)


RULES = [(model, width) for model in choices()["model"] for width in choices()["width"]]
QUICK = [("unet", "channels"), ("e2unet", "params"), ("e2unet", "fixed"), ("unet3d", "params")]


@pytest.mark.parametrize(("model", "width"), slow_unless(QUICK.__contains__, RULES))
def test_every_model_has_every_rule(model, width):
    """Each rule as configured, on small patches."""
    dims = compose([f"model={model}"]).model.get("spatial_dims", 2)
    small = ["data.patch_size=16", f"data.spatial_dims={dims}", "paths.run=here"]
    cfg = resolve(compose([f"model={model}", f"width={width}", "model.depth=3", *small]))
    match = build(cfg.width).match(functools.partial(build, cfg.model))
    assert match.budget == {"params": "parameters", "fixed": None}.get(width, width)
    assert len(match.widths) == 3
    assert (match.miss is None) == (match.met is not False)
    baseline = build_on_meta(build(cfg.width.baseline), match.baseline["widths"])
    assert match.ratios["parameters"] == parameters(build(cfg.model, widths=match.widths)) / parameters(baseline)


def test_networks_are_measured_once_for_a_configuration(monkeypatch):
    cfg = resolve(compose(["model=e2unet", "group=c4", "width.widths=[3,7]", "model.depth=2", "paths.run=here"]))
    first = match_widths(cfg)
    first.widths.append(99)
    monkeypatch.setattr(BudgetWidth, "match", lambda *_: pytest.fail("it was measured again"))
    assert match_widths(cfg).widths == first.widths[:-1]
