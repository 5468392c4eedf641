import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional as F

from gequnet.losses.cross_entropy import CrossEntropyLoss
from helpers.loss_cases import FLOAT32_TOLERANCE, batch


@pytest.mark.parametrize("weights", [None, [0.5, 1.0, 3.0]])
@pytest.mark.parametrize("space", [(7, 6), (3, 4, 5)])
def test_is_what_torch_says_where_invalid_is_its_ignored_label(space, weights):
    logits, mask, valid = batch("softmax", 3, space)
    weight = None if weights is None else torch.tensor(weights)
    expected = F.cross_entropy(logits, mask.masked_fill(~valid, -100), weight=weight)
    value = CrossEntropyLoss("softmax", class_weights=weights)(logits, mask, valid)
    torch.testing.assert_close(value, expected, **FLOAT32_TOLERANCE)


def test_a_label_that_is_no_class_counts_for_nothing():
    logits, mask, _ = batch("softmax", 3)
    mask[0, :2] = 255
    value = CrossEntropyLoss("softmax")(logits, mask, torch.ones_like(mask, dtype=torch.bool))
    torch.testing.assert_close(value, F.cross_entropy(logits, mask, ignore_index=255), **FLOAT32_TOLERANCE)


@pytest.mark.parametrize("weights", [None, [0.5, 1.0, 3.0]])
def test_weights_of_pixels_multiply_what_torch_says_of_each(weights):
    logits, mask, valid = batch("softmax", 3)
    of_pixels = 4 * torch.rand(mask.shape, generator=torch.Generator().manual_seed(1))
    of_classes = torch.ones(3) if weights is None else torch.tensor(weights)
    each = F.cross_entropy(logits, mask, weight=of_classes, reduction="none")
    value = CrossEntropyLoss("softmax", class_weights=weights)(logits, mask, valid, of_pixels)
    expected = (of_pixels * each)[valid].sum() / of_classes[mask[valid]].sum()
    torch.testing.assert_close(value, expected, **FLOAT32_TOLERANCE)


@pytest.mark.parametrize("present", [[0, 1, 2], [0, 2]])
def test_balanced_is_what_torch_says_with_the_weights_of_scikit_learn(present):
    logits, mask, valid = batch("softmax", 3)
    mask = torch.where(torch.isin(mask, torch.tensor(present)), mask, 0)
    mask[:, :4] = 0  # so that one class has most of the pixels
    weight = torch.zeros(3)
    weight[present] = torch.from_numpy(
        compute_class_weight("balanced", classes=np.array(present), y=mask[valid].numpy())
    ).float()
    expected = F.cross_entropy(logits, mask.masked_fill(~valid, -100), weight=weight)
    value = CrossEntropyLoss("softmax", balance=True)(logits, mask, valid)
    torch.testing.assert_close(value, expected, **FLOAT32_TOLERANCE)
    assert not torch.isclose(value, CrossEntropyLoss("softmax")(logits, mask, valid))


def test_balanced_classes_are_weighed_as_classes():
    logits, mask, valid = batch("softmax", 3)
    of_class = [F.cross_entropy(logits, mask.masked_fill(~valid | (mask != k), -100)) for k in range(3)]
    value = CrossEntropyLoss("softmax", class_weights=[1.0, 2.0, 5.0], balance=True)(logits, mask, valid)
    torch.testing.assert_close(value, (torch.stack(of_class) * torch.tensor([1, 2, 5])).sum() / 8, **FLOAT32_TOLERANCE)


def test_balanced_weights_of_pixels_are_within_their_class():
    logits, mask, valid = batch("softmax", 3)
    of_pixels = 4 * torch.rand(mask.shape, generator=torch.Generator().manual_seed(1))
    each = of_pixels * F.cross_entropy(logits, mask, reduction="none")
    expected = torch.stack([each[valid & (mask == k)].mean() for k in range(3)]).mean()
    value = CrossEntropyLoss("softmax", balance=True)(logits, mask, valid, of_pixels)
    torch.testing.assert_close(value, expected, **FLOAT32_TOLERANCE)
