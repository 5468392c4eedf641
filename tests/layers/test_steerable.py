import copy
import pickle

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gequnet.errors import ConfigError
from gequnet.layers.field_norm import FieldBatchNorm, field_norm
from gequnet.layers.steerable import (
    FieldBias,
    FieldDropout,
    FourierActivation,
    Restriction,
    SteerableConv,
    SteerableUpConv,
    field_activation,
)
from gequnet.symmetry.actions import act_on_fields, act_on_image
from gequnet.symmetry.equivariance import relative_error
from gequnet.symmetry.gspace import Element, FieldType, PlaneGroup
from helpers import escnn_oracle

GROUPS = ["c1", "c2", "c4", "c8", "c16", "d1", "d2", "d4", "d8", "d16", "so2", "o2"]
SINGLE = 1e-5


def fields_of(name: str, count: int = 2) -> FieldType:
    return FieldType(PlaneGroup.parse(name).regular, count)


def worst_error(layer: nn.Module, in_type: FieldType, out_type: FieldType, sides: tuple[int, ...] = (9, 12)) -> float:
    """The largest equivariance error of a layer over the elements of its group that keep the grid."""
    x = torch.randn(2, in_type.channels, *sides)
    y = layer(x)
    elements = out_type.group.grid_elements()
    errors = [relative_error(layer(act_on_fields(x, in_type, g)), act_on_fields(y, out_type, g)) for g in elements]
    return max(errors)


@pytest.mark.parametrize("name", GROUPS)
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_conv_keeps_shape_and_commutes(name, kernel_size):
    in_type, out_type = fields_of(name, 2), fields_of(name, 3)
    conv = SteerableConv(in_type, out_type, kernel_size, bias=True)
    nn.init.normal_(conv.bias.bias)
    assert conv(torch.zeros(1, in_type.channels, 9, 12)).shape == (1, out_type.channels, 9, 12)
    assert worst_error(conv, in_type, out_type) < SINGLE


@pytest.mark.parametrize("name", GROUPS)
def test_lifting_and_projection_commute(name):
    fields = fields_of(name)
    image = FieldType(fields.group.trivial, 3)
    assert worst_error(SteerableConv(image, fields), image, fields) < SINGLE
    assert worst_error(SteerableConv(fields, image, 1), fields, image) < SINGLE


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
def test_every_border_commutes(mode):
    fields = fields_of("d4")
    assert worst_error(SteerableConv(fields, fields, 5, padding_mode=mode), fields, fields) < SINGLE


@pytest.mark.parametrize("name", ["c1", "c4", "c8", "d1", "d4", "so2"])
def test_same_output_as_escnn_with_the_same_weights(name):
    group = PlaneGroup.parse(name)
    theirs, _ = escnn_oracle.random_kernel(group.regular, group.regular, 3)
    conv = SteerableConv(FieldType(group.regular, 1), FieldType(group.regular, 1))
    columns = conv.basis.flatten(1).double()
    weights = torch.linalg.lstsq(columns.T, theirs.flatten().double()[:, None]).solution
    with torch.no_grad():
        conv.weight.copy_(weights.view(1, 1, -1))
    x = torch.randn(1, group.regular.size, 11, 11)
    torch.testing.assert_close(conv(x), F.conv2d(x, theirs, padding=1), atol=SINGLE, rtol=SINGLE)


@pytest.mark.parametrize("name", ["c8", "d4", "o2"])
def test_initial_weights_keep_the_variance_of_relu_networks(name):
    """He's rule doubles the variance of white noise, since ReLU halves the mean square."""
    fields = fields_of(name, 12)
    torch.manual_seed(0)
    y = SteerableConv(fields, fields, padding_mode="circular")(torch.randn(4, fields.channels, 24, 24))
    assert y.var().item() == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize("name", ["c4", "d4", "o2"])
def test_learned_resampling_is_exact_on_odd_sides_and_refuses_even_ones(name):
    fields = fields_of(name)
    down, up = SteerableConv(fields, fields, stride=2), SteerableUpConv(fields, fields)
    assert worst_error(down, fields, fields, (9, 13)) < SINGLE
    x = torch.randn(1, fields.channels, 5, 7)
    for g in fields.group.grid_elements():
        expected = act_on_fields(up(x, (9, 13)), fields, g)
        actual = up(act_on_fields(x, fields, g), tuple(expected.shape[2:]))
        assert relative_error(actual, expected) < SINGLE
    with pytest.raises(ValueError, match="8 x 9: use images .* such as 9 x 9"):
        down(torch.zeros(1, fields.channels, 8, 9))
    with pytest.raises(ValueError, match="odd sides only"):
        up(x, (10, 14))


@pytest.mark.parametrize("name", GROUPS)
@pytest.mark.parametrize("kind", ["batch", "instance", "group", "none"])
@pytest.mark.parametrize("training", [True, False])
def test_norms_commute(name, kind, training):
    fields = fields_of(name, 4)
    layer = field_norm(kind, fields, groups=2)
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    layer.train()(torch.randn(3, fields.channels, 8, 8))
    assert worst_error(layer.train(training), fields, fields) < SINGLE


@pytest.mark.parametrize("kind", ["batch", "instance", "group"])
def test_both_forms_of_a_norm_are_the_same_for_a_finite_group(kind):
    """PyTorch's kernels on permutations equal the formula for Fourier coefficients."""
    fields = fields_of("c4", 4)
    native, spectral = field_norm(kind, fields, groups=2), field_norm(kind, fields, groups=2)
    spectral.permutation = False
    x = 3 * torch.randn(5, fields.channels, 6, 7) + 1
    for _ in range(2):
        torch.testing.assert_close(native(x), spectral(x), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(native.eval()(x), spectral.eval()(x), atol=1e-5, rtol=1e-5)
    for name, value in native.state_dict().items():
        torch.testing.assert_close(spectral.state_dict()[name], value, msg=name)


def test_field_batch_norm_is_three_dimensional_batch_norm():
    fields = fields_of("c8", 3)
    ours, theirs = FieldBatchNorm(fields), nn.BatchNorm3d(3)
    x = torch.randn(2, 24, 5, 6)
    torch.testing.assert_close(ours(x), theirs(x.view(2, 3, 8, 5, 6)).view(2, 24, 5, 6))
    torch.testing.assert_close(ours.running_var, theirs.running_var)


@pytest.mark.parametrize("name", GROUPS)
def test_activations_commute(name):
    fields = fields_of(name)
    assert worst_error(field_activation(fields, nn.ELU()), fields, fields) < SINGLE


def test_fourier_activation_is_nearly_exact_between_the_samples():
    """A smooth function of a bandlimited field has few high frequencies, which more samples resolve."""
    element, errors = Element(0.3), []
    for samples in (8, 16, 32):
        fields = FieldType(PlaneGroup(None, samples=samples).regular, 2)
        # Bounded inputs: tanh is smooth for small values only, and normal ones are sometimes large.
        layer, x = FourierActivation(fields, nn.Tanh()), 0.6 * (torch.rand(1, fields.channels, 4, 4) - 0.5)
        matrix = torch.from_numpy(fields.representation.matrix(element)).float()

        def turn(y, matrix=matrix):
            return torch.einsum("ij,bfjhw->bfihw", matrix, y.unflatten(1, (2, -1))).flatten(1, 2)

        errors.append(relative_error(layer(turn(x)), turn(layer(x))))
    assert errors[2] < 1e-4
    assert errors[2] < errors[0]


def test_dropout_drops_whole_fields_and_commutes_under_a_replayed_mask():
    fields = fields_of("d4", 16)
    layer, x = FieldDropout(fields, 0.5), torch.randn(2, fields.channels, 5, 5)
    torch.manual_seed(1)
    y = layer(x).unflatten(1, (16, 8))
    dropped = (y == 0).flatten(2).all(2)
    assert 0 < dropped.sum() < dropped.numel()
    torch.testing.assert_close(y[~dropped], 2 * x.unflatten(1, (16, 8))[~dropped])
    torch.manual_seed(1)
    again = layer(act_on_fields(x, fields, Element(0.0, True)))
    torch.testing.assert_close(again, act_on_fields(y.flatten(1, 2), fields, Element(0.0, True)))
    assert torch.equal(layer.eval()(x), x)


@pytest.mark.parametrize(
    ("name", "sub"),
    [("c8", "c4"), ("d8", "d4"), ("d4", "c4"), ("d4", "d1"), ("d8", "c2"), ("so2", "c4"), ("so2", "c8"), ("o2", "d4")]
    + [("o2", "so2"), ("o2", "c4"), ("c4", "c1")],
)
def test_restriction_commutes_with_the_subgroup_and_loses_nothing(name, sub):
    fields, subgroup = fields_of(name), PlaneGroup.parse(sub)
    layer = Restriction(fields, subgroup)
    assert layer.out_type.group == subgroup
    x = torch.randn(1, fields.channels, 4, 4)
    y = layer(x)
    assert y.shape == (1, layer.out_type.channels, 4, 4)
    for g in subgroup.elements():
        before = torch.from_numpy(fields.representation.matrix(g)).float()
        after = torch.from_numpy(layer.out_type.representation.matrix(g)).float()
        moved = torch.einsum("ij,bfjhw->bfihw", before, x.unflatten(1, (fields.fields, -1))).flatten(1, 2)
        expected = torch.einsum("ij,bfjhw->bfihw", after, y.unflatten(1, (layer.out_type.fields, -1))).flatten(1, 2)
        torch.testing.assert_close(layer(moved), expected, atol=SINGLE, rtol=SINGLE)
    assert torch.linalg.matrix_rank(layer.matrix) == fields.representation.size


def test_restriction_refuses_a_group_that_is_no_subgroup():
    with pytest.raises(ConfigError, match="d4 is not|to d4"):
        Restriction(fields_of("c8"), PlaneGroup.parse("d4"))


@pytest.mark.parametrize("name", ["c8", "d4", "o2"])
def test_only_parameters_and_running_statistics_are_saved(name):
    fields = fields_of(name)
    block = nn.Sequential(
        SteerableConv(fields, fields, bias=True), FieldBatchNorm(fields), field_activation(fields, nn.ReLU())
    )
    learned = {"0.weight", "0.bias.bias", "1.weight", "1.bias"}
    running = {"1.running_mean", "1.running_var", "1.num_batches_tracked"}
    assert set(block.train().state_dict()) == set(block.eval().state_dict()) == learned | running


def test_copies_and_pickles_give_the_same_output():
    fields = fields_of("c8")
    conv, x = SteerableConv(fields, fields).eval(), torch.randn(1, fields.channels, 6, 6)
    assert torch.equal(copy.deepcopy(conv)(x), conv(x))
    assert torch.equal(pickle.loads(pickle.dumps(conv))(x), conv(x))


def test_bias_moves_along_the_constants():
    fields = fields_of("o2")
    layer = FieldBias(fields)
    nn.init.normal_(layer.bias)
    assert worst_error(layer, fields, fields) < SINGLE


def test_a_kernel_of_quarter_turns_by_hand():
    """Lifting to C4: the four channels of a field are the four rotations of one kernel."""
    image = FieldType(PlaneGroup.parse("c4").trivial, 1)
    conv = SteerableConv(image, fields_of("c4", 1))
    kernel = conv.kernel()
    for turns in range(4):
        element = Element(turns * torch.pi / 2)
        torch.testing.assert_close(kernel[turns, 0], act_on_image(kernel[:1], element)[0, 0], atol=1e-6, rtol=0)
