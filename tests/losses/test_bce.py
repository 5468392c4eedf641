import pytest
import torch
from torch.nn import functional as F

from gequnet.errors import ConfigError
from gequnet.losses.bce import BCELoss
from helpers.loss_cases import FLOAT32_TOLERANCE, batch, valid_only


@pytest.mark.parametrize("pos_weight", [1.0, 4.0])
@pytest.mark.parametrize("num_classes", [1, 3])
def test_is_what_torch_says_about_the_valid_pixels(num_classes, pos_weight):
    case = batch("sigmoid", num_classes)
    logits, mask, _ = valid_only(*case)
    expected = F.binary_cross_entropy_with_logits(
        logits, mask.reshape(logits.shape).float(), pos_weight=torch.tensor(pos_weight)
    )
    torch.testing.assert_close(BCELoss("sigmoid", pos_weight=pos_weight)(*case), expected, **FLOAT32_TOLERANCE)


def test_weights_of_pixels_multiply_what_torch_says_of_each():
    logits, mask, valid = batch("sigmoid", 1)
    weight = 4 * torch.rand(mask.shape, generator=torch.Generator().manual_seed(1))
    each = F.binary_cross_entropy_with_logits(logits[:, 0], mask.float(), weight=weight, reduction="none")
    torch.testing.assert_close(BCELoss("sigmoid")(logits, mask, valid, weight), each[valid].mean(), **FLOAT32_TOLERANCE)


def test_class_weights_weigh_the_regions():
    logits, mask, valid = batch("sigmoid", 3)
    each = torch.stack([BCELoss("sigmoid")(logits[:, k : k + 1], mask[:, k], valid) for k in range(3)])
    value = BCELoss("sigmoid", class_weights=[1.0, 2.0, 5.0])(logits, mask, valid)
    torch.testing.assert_close(value, (each * torch.tensor([1, 2, 5])).sum() / 8, **FLOAT32_TOLERANCE)


def test_refuses_a_weight_that_is_none():
    with pytest.raises(ConfigError, match="pos_weight=0"):
        BCELoss("sigmoid", pos_weight=0.0)
