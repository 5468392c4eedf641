import pytest
import torch
from torch.nn import functional as F

from gequnet.losses.cross_entropy import CrossEntropyLoss
from losses.cases import FLOAT32_TOLERANCE, batch


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
