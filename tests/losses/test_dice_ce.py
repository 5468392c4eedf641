import pytest
import torch
from monai.losses import DiceCELoss as MonaiDiceCE

from gequnet.errors import ConfigError
from gequnet.losses.compound import DiceBCELoss, DiceCELoss
from helpers.loss_cases import FLOAT32_TOLERANCE, batch


@pytest.mark.parametrize("weights", [(1.0, 1.0), (0.3, 2.0)])
@pytest.mark.parametrize("space", [(7, 6), (3, 4, 5)])
def test_under_a_softmax_it_is_what_monai_says_of_the_parts(space, weights):
    logits, mask, valid = batch("softmax", 3, space)
    dice, ce = weights
    monai = MonaiDiceCE(softmax=True, to_onehot_y=True, include_background=False, smooth_nr=1, smooth_dr=1, batch=True)
    # MONAI's cross-entropy leaves the background out with its Dice, ours never does.
    expected = dice * monai.dice(logits, mask[:, None]) + ce * torch.nn.functional.cross_entropy(logits, mask)
    value = DiceCELoss("softmax", dice_weight=dice, ce_weight=ce)(logits, mask, torch.ones_like(valid))
    torch.testing.assert_close(value, expected, **FLOAT32_TOLERANCE)


@pytest.mark.parametrize("num_classes", [1, 3])
def test_under_sigmoids_it_is_dice_bce(num_classes):
    case = batch("sigmoid", num_classes)
    assert DiceCELoss("sigmoid")(*case) == DiceBCELoss("sigmoid")(*case)


@pytest.mark.parametrize("weights", [(0.0, 0.0), (-1.0, 1.0)])
def test_refuses_weights_that_are_none(weights):
    with pytest.raises(ConfigError, match="ce_weight"):
        DiceCELoss("softmax", dice_weight=weights[0], ce_weight=weights[1])
