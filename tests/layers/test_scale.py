"""Layers on a window of scales: published formulas, equality of both methods, and equivariance errors."""

from itertools import product

import numpy as np
import pytest
import scipy.signal
import torch
from torch import nn

from gequnet.errors import ConfigError, ShapeError
from gequnet.layers.resample import BlurPool
from gequnet.layers.scale import ScaleConv, ScaleLift, ScalePointwise
from gequnet.layers.scale_maps import AcrossScales, AtEachScale, EveryScale
from gequnet.layers.scale_projection import PROJECTIONS, make_projection
from gequnet.symmetry.drawings import Blobs
from gequnet.symmetry.equivariance import scale_errors
from gequnet.symmetry.hermite import HermiteBasis, orders_below, orders_up_to

SIGMAS = [1.0, 0.9, 0.81]
PUBLISHED = {"onescale": lambda dims: orders_below(3, dims), "multiscale": lambda dims: orders_up_to(2, dims, 3**dims)}
SIDES = {2: (9, 12), 3: (7, 6, 8)}


def basis_of(dims, mode="onescale", side=5):
    return HermiteBasis(PUBLISHED[mode](dims), SIGMAS, side)


def published_conv(x, weight, bias, basis):
    """The published sum over channels and scales, as single correlations."""
    kernels = np.einsum("ocen,ns...->oces...", weight.numpy(), basis.dense().numpy())
    scales = x.shape[2]
    maps = np.zeros((x.shape[0], len(weight), *x.shape[2:]))
    for b, o, c, e, s in product(
        range(x.shape[0]), range(len(weight)), range(x.shape[1]), range(weight.shape[2]), range(scales)
    ):
        neighbour = x[b, c, min(s + e, scales - 1)].numpy()
        maps[b, o, s] += scipy.signal.correlate(neighbour, kernels[o, c, e, s], mode="same")
    return maps + bias.view(1, -1, *[1] * (x.dim() - 2)).numpy()


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("mode", PUBLISHED)
@pytest.mark.parametrize("method", ["dense", "separable"])
@pytest.mark.parametrize("scale_extent", [1, 2])
def test_convolves_as_published(dims, mode, method, scale_extent):
    basis = basis_of(dims, mode)
    conv = ScaleConv(2, 3, basis, scale_extent, method=method)
    nn.init.normal_(conv.bias)
    x = torch.randn(2, 2, 3, *SIDES[dims])
    expected = published_conv(x, conv.weight.detach(), conv.bias.detach(), basis)
    np.testing.assert_allclose(conv(x).detach().numpy(), expected, atol=2e-5)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("method", ["dense", "separable"])
def test_lifting_convolves_the_image_with_every_scale(dims, method):
    basis = basis_of(dims)
    lift = ScaleLift(2, 3, basis, method=method)
    image = torch.randn(1, 2, *SIDES[dims])
    expected = published_conv(EveryScale(3)(image), lift.weight.detach(), lift.bias.detach(), basis)
    np.testing.assert_allclose(lift(image).detach().numpy(), expected, atol=2e-5)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("settings", [
    {"stride": 2}, {"padding": 0}, {"stride": 2, "padding": 1}, {"padding_mode": "replicate"},
    {"padding_mode": "reflect", "stride": 2}, {"padding_mode": "circular"}, {"transposed": True},
    {"transposed": True, "stride": 2}, {"transposed": True, "stride": 2, "padding": 0}, {"scale_extent": 3},
], ids=str)  # fmt: skip
def test_both_methods_are_one_function(dims, settings):
    dense, separable = (ScaleConv(2, 3, basis_of(dims), method=method, **settings) for method in ("dense", "separable"))
    separable.load_state_dict(dense.state_dict())
    x = torch.randn(2, 2, 3, *SIDES[dims], requires_grad=True)
    ours, theirs = dense(x), separable(x)
    torch.testing.assert_close(theirs, ours, atol=1e-5, rtol=1e-5)
    upstream = torch.randn_like(ours)
    gradients = [torch.autograd.grad(y, (x, conv.weight), upstream) for y, conv in ((ours, dense), (theirs, separable))]
    torch.testing.assert_close(gradients[1], gradients[0], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize(("stride", "more"), [(1, 0), (2, 0), (2, 1)])
@pytest.mark.parametrize("method", ["dense", "separable"])
def test_transposed_is_the_adjoint(dims, stride, more, method):
    """<conv x, y> = <x, transposed y>: the definition of the transposed convolution."""
    conv = ScaleConv(2, 3, basis_of(dims), stride=stride, bias=False)
    back = ScaleConv(3, 2, basis_of(dims), stride=stride, bias=False, transposed=True, method=method)
    with torch.no_grad():
        back.weight.copy_(conv.weight.transpose(0, 1))
    x = torch.randn(1, 2, 3, *[9 + more] * dims)
    image = conv(x)
    y = torch.randn_like(image)
    there, again = (image * y).sum(), (x * back(y, more)).sum()
    torch.testing.assert_close(there, again, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("dims", [2, 3])
def test_pointwise_is_a_convolution_of_size_one_at_every_scale(dims):
    layer, conv = ScalePointwise(3, 4, stride=2), (nn.Conv2d, nn.Conv3d)[dims - 2](3, 4, 1, stride=2)
    conv.load_state_dict({"weight": layer.weight.view(4, 3, *[1] * dims), "bias": layer.bias + 0.5})
    nn.init.constant_(layer.bias, 0.5)
    x = torch.randn(2, 3, 5, *SIDES[dims])
    expected = torch.stack([conv(each) for each in x.unbind(2)], dim=2)
    torch.testing.assert_close(layer(x), expected)
    back = ScalePointwise(4, 3, stride=2, transposed=True, bias=False)
    transposed = (nn.functional.conv_transpose2d, nn.functional.conv_transpose3d)[dims - 2]
    kernel = back.weight.T.reshape(4, 3, *[1] * dims)
    torch.testing.assert_close(back(expected)[:, :, 0], transposed(expected[:, :, 0], kernel, stride=2))


def test_batch_statistics_are_those_of_all_scales():
    x = torch.randn(4, 3, 5, 6, 7) * torch.arange(1, 6).view(-1, 1, 1)
    y = AcrossScales(nn.BatchNorm2d(3))(x)
    torch.testing.assert_close(y.mean((0, 2, 3, 4)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(y.std((0, 2, 3, 4), correction=0), torch.ones(3), atol=1e-4, rtol=0)
    assert y[:, :, 4].std() > 2 * y[:, :, 0].std()


@pytest.mark.parametrize("norm", [nn.InstanceNorm3d(4, affine=True), nn.GroupNorm(2, 4)])
def test_statistics_of_an_image_move_with_their_scale(norm):
    x = torch.randn(2, 4, 5, 4, 6, 7) * torch.arange(1, 6).view(-1, 1, 1, 1)
    adapter = AtEachScale(norm)
    torch.testing.assert_close(adapter(x)[:, :, 1:], adapter(x[:, :, 1:]))
    torch.testing.assert_close(adapter(x)[:, :, 2], norm(x[:, :, 2]))


def test_dropout_drops_a_channel_at_all_scales_or_at_none():
    dropped = AcrossScales(nn.Dropout2d(0.5))(torch.ones(8, 16, 4, 5, 5)).flatten(2)
    kept = dropped != 0
    assert (kept.all(2) | ~kept.any(2)).all()
    assert 0.3 < kept.float().mean() < 0.7


def test_pooling_is_of_each_scale_by_itself():
    x = torch.randn(2, 3, 4, 8, 10)
    for module in (BlurPool(4), nn.MaxPool2d(2), nn.AvgPool2d(2)):
        expected = torch.stack([module(each) for each in x.unbind(2)], dim=2)
        torch.testing.assert_close(AtEachScale(module)(x), expected)


@pytest.mark.parametrize("name", PROJECTIONS)
def test_projections_leave_one_map_for_each_class(name):
    projection, channels = make_projection(name, 3)
    maps = torch.randn(2, channels, 5, 6, 7)
    image = projection(maps)
    assert image.shape == (2, 3, 6, 7)
    assert (image <= maps[:, :3].amax(2) + 1e-6).all()
    assert (image >= maps[:, :3].amin(2) - 1e-6).all()


def test_a_choice_follows_the_evidence():
    projection, _ = make_projection("choice", 1)
    maps = torch.randn(1, 2, 3, 4, 4)
    maps[:, 1] = 0
    maps[:, 1, 1] = 50
    torch.testing.assert_close(projection(maps), maps[:, :1, 1])


@pytest.mark.parametrize(("dims", "side", "radius"), [(2, 160, (2.0, 8.0)), (3, 64, (2.0, 4.0))])
def test_lifting_commutes_to_two_percent(dims, side, radius):
    """Seven taps for a sigma of 0.9, in proportion at every scale: the default basis of form=kernels."""
    sigmas = [0.9, 0.9 * 1.26, 0.9 * 1.26**2]
    torch.manual_seed(0)
    lift = ScaleLift(1, 8, HermiteBasis(orders_up_to(2, dims), sigmas, side=11), method="separable")
    blobs = Blobs.scattered(seed=0, dims=dims, reach=side / 4, radius=radius)
    errors = scale_errors(lift, blobs.draw(side), blobs.draw(side, 1.26), ratio=1.26, margin=side // 5)
    assert max(errors.chain) < 0.02
    assert min(errors.same) > 0.05


def test_convolving_further_keeps_the_chain_but_for_the_end_of_the_window():
    """With scale_extent=2 the coarsest output scale needs an input scale outside the window."""
    ratio, side = 1.3, 160
    basis = HermiteBasis(orders_up_to(2, 2), [0.9 * ratio**i for i in range(4)], side=17)
    blobs = Blobs.scattered(seed=4, dims=2, reach=30.0, radius=(3.0, 8.0))
    for scale_extent, worst in ((1, 0.02), (2, 0.5)):
        torch.manual_seed(1)
        layers = nn.Sequential(ScaleLift(1, 4, basis), nn.SiLU(), ScaleConv(4, 4, basis, scale_extent))
        chain = scale_errors(layers, blobs.draw(side), blobs.draw(side, ratio), ratio, margin=40).chain
        assert max(chain[:2]) < 0.02
        assert (chain[2] < worst) == (scale_extent == 1 or chain[2] < 0.5)
        assert (chain[2] > 0.05) == (scale_extent == 2)


def test_state_is_weights_alone_and_survives_copies():
    for method in ("dense", "separable"):
        conv = ScaleConv(2, 3, basis_of(2), method=method)
        assert set(conv.state_dict()) == {"weight", "bias"}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"scale_extent": 4}, "scale_extent=4 must lie between 1 and the number of scales, 3"),
        ({"transposed": True, "padding_mode": "reflect"}, "nothing to pad with reflect"),
    ],
)
def test_wrong_arguments_are_refused(settings, words):
    with pytest.raises(ConfigError, match=words):
        ScaleConv(1, 1, basis_of(2), **settings)


def test_maps_of_another_shape_are_refused():
    with pytest.raises(ShapeError, match=r"expected a map \[B, 2, 3, \*space\] with 2 axes of space"):
        ScaleConv(2, 3, basis_of(2))(torch.zeros(1, 2, 4, 8, 8))
    with pytest.raises(ShapeError, match=r"expected an image"):
        ScaleLift(2, 3, basis_of(2))(torch.zeros(1, 2, 3, 8, 8))
