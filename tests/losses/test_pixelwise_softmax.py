import math

import pytest
import torch
from torch.nn import functional as F

from gequnet.losses.cross_entropy import CrossEntropyLoss
from gequnet.losses.pixelwise_softmax import PixelwiseSoftmaxLoss, log_complement
from helpers.loss_cases import FLOAT32_TOLERANCE, batch


def of_pixels(logits, mask, valid):
    """Reference loss of each valid pixel and class by torch, in double precision."""
    target = F.one_hot(mask, logits.shape[1]).movedim(-1, 1).double()
    values = F.binary_cross_entropy(logits.double().softmax(1), target, reduction="none")
    return values.movedim(1, -1)[valid]


@pytest.mark.parametrize("weights", [None, [0.5, 1.0, 3.0]])
@pytest.mark.parametrize("space", [(7, 6), (3, 4, 5)])
def test_is_what_torch_says_of_probabilities_in_double_precision(space, weights):
    case = batch("softmax", 3, space)
    weight = torch.tensor(weights or [1.0, 1.0, 1.0]).double()
    expected = (of_pixels(*case) * weight).sum(1).mean() / weight.sum()
    value = PixelwiseSoftmaxLoss("softmax", class_weights=weights)(*case)
    torch.testing.assert_close(value, expected.float(), **FLOAT32_TOLERANCE)


@pytest.mark.parametrize("weights", [None, [0.3, 2.0]])
def test_of_two_classes_it_is_softmax_cross_entropy_whatever_their_weights(weights):
    case = batch("softmax", 2)
    value = PixelwiseSoftmaxLoss("softmax", class_weights=weights)(*case)
    torch.testing.assert_close(value, CrossEntropyLoss("softmax")(*case), **FLOAT32_TOLERANCE)
    torch.testing.assert_close(of_pixels(*case).sum(1).mean().float(), 2 * value, **FLOAT32_TOLERANCE)


@pytest.mark.parametrize("num_classes", [2, 3, 5, 21])
def test_of_a_network_that_knows_nothing_there_is_a_closed_form(num_classes):
    mask = torch.arange(num_classes).view(1, -1, 1)
    value = PixelwiseSoftmaxLoss("softmax")(torch.zeros(1, num_classes, num_classes, 1), mask, mask >= 0)
    expected = math.log(num_classes) - (1 - 1 / num_classes) * math.log(num_classes - 1)
    assert value.item() == pytest.approx(expected, rel=1e-6)


def test_of_more_classes_it_matters_who_has_what_the_true_class_lacks():
    shared, taken = torch.tensor([0.4, 0.3, 0.3]).log(), torch.tensor([0.4, 0.599, 0.001]).log()
    mask, valid = torch.zeros(1, 1, 1, dtype=torch.long), torch.ones(1, 1, 1).bool()
    costs = [[loss(each.view(1, 3, 1, 1), mask, valid) for each in (shared, taken)] for loss in losses()]
    torch.testing.assert_close(costs[0][0], costs[0][1])
    assert costs[1][0] < costs[1][1]
    expected = -(math.log(0.4) + 2 * math.log(0.7)) / 3
    assert costs[1][0].item() == pytest.approx(expected, rel=1e-6)


def losses():
    return CrossEntropyLoss("softmax"), PixelwiseSoftmaxLoss("softmax")


@pytest.mark.parametrize("gap", [1e-6, 1.0, 30.0, 200.0, 1e4])
def test_one_less_a_probability_near_one_is_not_rounded_to_nothing(gap):
    # p is e^gap / (e^gap + 2): log(1 - p) is log 2 - gap - log(1 + 2 e^-gap), and in float32 p itself is 1 from 17 on.
    logits = torch.tensor([gap, 0.0, 0.0]).view(1, 3, 1).requires_grad_()
    of_first, of_second, _ = log_complement(logits).flatten()
    assert of_first.item() == pytest.approx(math.log(2) - gap - math.log1p(2 * math.exp(-gap)), rel=1e-6)
    assert of_second.item() == pytest.approx(math.log1p(-1 / (math.exp(min(gap, 700)) + 2)), abs=1e-7)
    of_first.backward()
    assert logits.grad.flatten()[0].item() == pytest.approx(-1 / (1 + 2 * math.exp(-gap)), rel=1e-6)
