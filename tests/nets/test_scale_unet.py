"""The scale-equivariant U-Net: any size, the chain of its scales, one function in two forms, refused arguments."""

import copy
import pickle

import pytest
import torch

from gequnet.errors import ConfigError, ShapeError
from gequnet.nets.costs import activations
from gequnet.nets.scale_unet import ScaleUNet
from gequnet.symmetry.drawings import Blobs
from gequnet.symmetry.equivariance import scale_errors
from gequnet.symmetry.scale_group import ScaleGroup
from helpers.slow import slow_unless

KERNELS = {"form": "kernels", "train_scales": None, "sigma": 0.9, "kernel_size": 7, "method": "separable"}


def net_of(dims=2, widths=(2, 4), group=None, **settings):
    torch.manual_seed(0)
    return ScaleUNet(1, 2, widths, group or ScaleGroup(2**0.5, 3), spatial_dims=dims, **settings)


@pytest.mark.parametrize("size", [(8, 8), (17, 30), (33, 20, 9), (6, 7, 11)])
@pytest.mark.parametrize(
    "settings", [{}, KERNELS | {"norm": "batch", "kernel_size": 3, "sigma": 0.7}], ids=["resampled", "kernels"]
)
@pytest.mark.parametrize("projection", ["mean", "max", "choice"])
def test_logits_have_the_size_of_the_image(size, settings, projection):
    compare = {"train_scales": 2} if projection == "choice" and not settings else {}
    net = net_of(len(size), projection=projection, **settings | compare)
    for mode in (True, False):
        assert net.train(mode)(torch.randn(2, 1, *size)).shape == (2, 2, *size)


@pytest.mark.parametrize("settings", [
    {"residual": True}, {"downsample": "average"}, {"downsample": "max"}, {"downsample": "strided"}, {"dropout": 0.3},
    {"upsample": "transposed"}, {"norm": "group"}, {"norm": "none"}, {"convs": 1}, {"finest": 0.7}, {"orders": 1},
    {"train_scales": 2}, {"train_scales": None}, {"method": "separable"},
    KERNELS | {"scale_extent": 2}, KERNELS | {"downsample": "strided", "upsample": "transposed", "method": "dense"},
], ids=str)  # fmt: skip
def test_every_choice_trains_and_tests(settings):
    net = net_of(**settings)
    image = torch.randn(1, 1, 21, 24)
    net(image).sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in net.parameters())
    assert torch.equal(net.eval()(image), net(image))


CASES = {
    "2-D, even": (2, 256, 35.0, (4.0, 8.0)),
    "2-D, odd": (2, 255, 35.0, (4.0, 8.0)),
    "3-D": (3, 72, 9.0, (3.0, 4.0)),
}


@pytest.mark.parametrize("case", slow_unless(lambda case: case == "2-D, odd", CASES))
@pytest.mark.parametrize("softness", [None, 0.15], ids=["Gaussians", "balls"])
def test_maps_of_the_magnified_scene_are_those_one_scale_finer_magnified(case, softness):
    """The chain through the whole untrained network: at most 10 %, and a third of the error at the same scale."""
    dims, side, reach, radius = CASES[case]
    widths = (4, 8, 16) if dims == 2 else (4, 8)
    net = net_of(dims, widths, ScaleGroup(2**0.5, 4 if dims == 2 else 3), norm="none").eval()
    blobs = Blobs.scattered(0, dims, reach, count=20, radius=radius, softness=softness)
    errors = scale_errors(net.maps, blobs.draw(side), blobs.draw(side, 2**0.5), 2**0.5, margin=round(0.38 * side))
    assert max(errors.chain) < 0.1
    assert max(c / s for c, s in zip(errors.chain, errors.same, strict=False)) < 1 / 3


@pytest.mark.slow
def test_the_chain_of_kernels_holds_if_they_halve_and_double_the_grid_too():
    """With one grid for all scales a blur does not scale with the image, see benchmarks/scale_chain.py."""
    ratio, blobs = 1 / 0.84, [Blobs.scattered(seed, 2, 35.0, radius=(4.0, 8.0)) for seed in range(4)]
    learned = KERNELS | {"sigma": 1.2, "kernel_size": 9, "downsample": "strided", "upsample": "transposed"}
    net = net_of(2, (4, 8, 16), ScaleGroup(ratio, 4), norm="batch", **learned)
    for _ in range(10):
        net.train()(torch.cat([each.draw(128) for each in blobs]))
    errors = scale_errors(net.eval().maps, blobs[0].draw(256), blobs[0].draw(256, ratio), ratio, margin=96)
    assert max(errors.chain) < 0.1
    assert max(c / s for c, s in zip(errors.chain, errors.same, strict=False)) < 1 / 3


@pytest.mark.parametrize(("norm", "bounds"), [("none", (0.002, 0.005, 0.005)), ("instance", (0.005, 0.03, 0.03))])
def test_both_forms_are_nearly_one_function(norm, bounds):
    """Without pooling (at different resolutions in the two forms) they differ by discretisation only."""
    shared = {"widths": (6,), "sigma": 0.9, "kernel_size": 7, "norm": norm}
    resampled, kernels = net_of(**shared), net_of(**KERNELS | shared)
    kernels.load_state_dict(resampled.state_dict())
    image = Blobs.scattered(1, 2, 30.0, radius=(4.0, 9.0)).draw(128)
    with torch.no_grad():
        ours, theirs = resampled.eval().maps(image), kernels.eval().maps(image)
    for scale, bound in enumerate(bounds):
        inside = (..., slice(24, -24), slice(24, -24))
        difference = (ours[:, :, scale] - theirs[:, :, scale])[inside]
        assert difference.norm() < bound * (theirs[:, :, scale] - theirs[:, :, scale].mean())[inside].norm()


def test_training_uses_one_random_scale_and_evaluation_all():
    net = net_of(norm="none")
    image = torch.randn(1, 1, 24, 24)
    single = [net.maps(image, [scale]).mean(2) for scale in range(3)]
    seen = set()
    for _ in range(40):
        logits = net.train()(image)
        seen.add(next(scale for scale in range(3) if torch.equal(logits, single[scale])))
    assert seen == {0, 1, 2}
    torch.testing.assert_close(net.eval()(image), torch.stack(single).mean(0))


def test_memory_is_measured_at_the_finest_scale():
    net = net_of(group=ScaleGroup(2.0, 3))
    assert len({activations(net, 32) for _ in range(8)}) == 1
    assert activations(net, 32) < activations(net_of(group=ScaleGroup(2.0, 3), train_scales=None), 32)
    assert activations(net, 32) == activations(net_of(group=ScaleGroup(2.0, 1)), 32)


def test_copies_pickles_and_keeps_weights_alone():
    net = net_of().eval()
    image = torch.randn(1, 1, 16, 18)
    for copied in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert torch.equal(copied(image), net(image))
    fresh = net_of(widths=(2, 4)).eval()
    fresh.load_state_dict(net.state_dict(), strict=True)
    assert sum(v.numel() for v in net.state_dict().values()) == sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"scale_extent": 2}, "take model.form=kernels"),
        ({"norm": "batch"}, "take model.norm=instance"),
        ({"form": "kernels"}, "take model.train_scales=null"),
        ({"train_scales": 4}, "between 1 and the number of scales, 3"),
        ({"projection": "choice"}, "take model.train_scales=2"),
        ({"dims": 1}, "is not 2 or 3"),
    ],
)
def test_wrong_arguments_are_refused(settings, words):
    with pytest.raises(ConfigError, match=words):
        net_of(**settings)


def test_images_of_another_shape_are_refused():
    with pytest.raises(ShapeError, match=r"expected an image \[B, 1, H, W\]"):
        net_of()(torch.zeros(1, 1, 8, 8, 8))
