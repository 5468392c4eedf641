import copy
import pickle
import time

import pytest
import torch

from gequnet.errors import ConfigError
from gequnet.nets.e2unet import E2UNet
from gequnet.symmetry.actions import act_on_image
from gequnet.symmetry.equivariance import relative_error
from gequnet.symmetry.gspace import PlaneGroup
from gequnet.symmetry.kernel_basis import kernel_basis
from helpers.slow import slow_unless

GROUPS = ["c1", "c2", "c4", "c8", "c16", "d1", "d2", "d4", "d8", "d16", "so2", "o2"]
SIDES = [(64, 64), (65, 65), (97, 97), (131, 94)]
SINGLE = 1e-5


def build(group: str, widths=(2, 3, 4), **recipe) -> E2UNet:
    torch.manual_seed(0)
    return E2UNet(3, 2, widths, group, **recipe)


@torch.no_grad()
def worst_error(net: E2UNet, sides: tuple[int, int]) -> float:
    image = torch.randn(2, 3, *sides, generator=torch.Generator().manual_seed(1))
    logits = net(image)
    assert logits.shape == (2, 2, *sides)
    elements = net.exact_group.grid_elements()[1:]
    return max([0.0] + [relative_error(net(act_on_image(image, g)), act_on_image(logits, g)) for g in elements])


@pytest.mark.parametrize("group", slow_unless(lambda group: group not in ("c16", "d8", "d16"), GROUPS))
@pytest.mark.parametrize("training", [True, False])
def test_is_exact_at_even_odd_and_mixed_sides(group, training):
    net = build(group).train(training)
    for sides in [(24, 24), (25, 25), (33, 22)]:
        assert worst_error(net, sides) < SINGLE


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("sides", SIDES)
def test_is_exact_at_full_size(group, training, sides):
    assert worst_error(build(group).train(training), sides) < SINGLE


@pytest.mark.parametrize("sides", SIDES)
def test_is_exact_at_full_size_for_the_largest_symmetry(sides):
    assert worst_error(build("d8"), sides) < SINGLE


@pytest.mark.parametrize("norm", ["batch", "instance", "group", "none"])
@pytest.mark.parametrize("downsample", ["average", "blur", "max"])
def test_every_recipe_is_exact(norm, downsample):
    recipe = {"activation": "elu", "residual": True, "padding_mode": "reflect", "convs": 3}
    assert worst_error(build("d4", norm=norm, downsample=downsample, **recipe), (26, 21)) < SINGLE


@pytest.mark.parametrize(
    ("group", "restrict", "acting"),
    [("d8", {2: "d4"}, "d4"), ("c8", {1: "c4"}, "c4"), ("d4", {1: "c4", 2: "c2"}, "c2"), ("o2", {2: "d4"}, "d4")]
    + [("so2", {1: "c8"}, "c8"), ("o2", {1: "so2"}, "so2")],
)
def test_restriction_leaves_the_subgroup_exact(group, restrict, acting):
    net = build(group, restrict=restrict)
    assert (str(net.group), str(net.exact_group)) == (group, acting)
    assert worst_error(net, (25, 18)) < SINGLE


def test_restriction_really_breaks_the_larger_group():
    net = build("d4", restrict={1: "c4"}).eval()
    image = torch.randn(1, 3, 16, 16)
    mirror = PlaneGroup.parse("d1").elements()[1]
    assert relative_error(net(act_on_image(image, mirror)), act_on_image(net(image), mirror)) > 0.01


def test_dropout_is_exact_under_a_replayed_mask():
    net = build("d4", dropout=[0.0, 0.3, 0.5], norm="instance")
    image = torch.randn(1, 3, 24, 24)
    for g in net.exact_group.grid_elements():
        torch.manual_seed(5)
        logits = net(image)
        torch.manual_seed(5)
        assert relative_error(net(act_on_image(image, g)), act_on_image(logits, g)) < SINGLE


def test_learned_resampling_works_on_odd_sides_and_names_them():
    net = build("d4", downsample="strided", upsample="transposed")
    assert worst_error(net, (25, 33)) < SINGLE
    with pytest.raises(ValueError, match="such as 25 x 25"):
        net(torch.zeros(1, 3, 24, 24))


@pytest.mark.parametrize("group", GROUPS)
def test_state_dict_holds_the_same_learned_keys_in_both_modes(group):
    net = build(group)
    trained, evaluated = net.train().state_dict(), net.eval().state_dict()
    assert trained.keys() == evaluated.keys()
    running = ("running_mean", "running_var", "num_batches_tracked")
    learned = {name for name in trained if not name.endswith(running)}
    assert learned == {name for name, _ in net.named_parameters()}


@pytest.mark.parametrize("group", GROUPS)
def test_a_checkpoint_weighs_its_parameters_and_loads_strictly(group, tmp_path):
    net, other = build(group, widths=(6, 8, 10)).eval(), build(group, widths=(6, 8, 10))
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    path = tmp_path / "net.pt"
    torch.save(net.state_dict(), path)
    parameters = sum(p.numel() for p in net.parameters())
    overhead = 1024 * (len(net.state_dict()) + 8)  # names and zip entries
    assert path.stat().st_size < 4 * parameters + overhead
    other.load_state_dict(torch.load(path, weights_only=True), strict=True)
    image = torch.randn(1, 3, 20, 21)
    assert torch.equal(other.eval()(image), net(image))


@pytest.mark.parametrize("group", ["c8", "d4", "o2"])
@pytest.mark.parametrize("training", [True, False])
def test_copies_and_pickles_in_either_mode(group, training):
    net, image = build(group, norm="instance").train(training), torch.randn(1, 3, 16, 16)
    logits = net(image)
    torch.testing.assert_close(copy.deepcopy(net)(image), logits)
    torch.testing.assert_close(pickle.loads(pickle.dumps(net))(image), logits)


@pytest.mark.parametrize("group", GROUPS)
def test_gradients_reach_every_parameter(group):
    net = build(group)
    net(torch.randn(2, 3, 16, 16)).square().sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_builds_quickly_with_nothing_cached():
    """escnn takes 8 s for a D8 network of this size; the bases here are computed faster than read from a disk."""
    kernel_basis.cache_clear()
    start = time.perf_counter()
    net = build("d8", widths=(4, 7, 14))
    assert time.perf_counter() - start < 1
    assert 55_000 < sum(p.numel() for p in net.parameters()) < 65_000


def test_wrong_arguments_are_named():
    with pytest.raises(ConfigError, match="choose downsample=blur or average"):
        E2UNet(3, 1, [2, 3], "so2", downsample="max")
    with pytest.raises(ConfigError, match="not a subgroup of c8"):
        E2UNet(3, 1, [2, 3], "c8", restrict={1: "d4"})
    with pytest.raises(ConfigError, match="levels 1 to 1"):
        E2UNet(3, 1, [2, 3], "c8", restrict={2: "c4"})
    with pytest.raises(ConfigError, match="3 levels"):
        E2UNet(3, 1, [2, 3], "c8", depth=3)
    with pytest.raises(ValueError, match=r"\[B, 3, H, W\], got \[1, 1, 8, 8\]"):
        build("c4")(torch.zeros(1, 1, 8, 8))
