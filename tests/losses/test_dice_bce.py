import pytest
import torch
from monai.losses import DiceCELoss

from gequnet.errors import ConfigError
from gequnet.losses.compound import DiceBCELoss
from helpers.loss_cases import FLOAT32_TOLERANCE, batch


@pytest.mark.parametrize("weights", [(1.0, 1.0), (0.3, 2.0)])
@pytest.mark.parametrize("over", ["batch", "image"])
def test_is_what_monai_says(over, weights):
    logits, mask, valid = batch("sigmoid", 1)
    dice, bce = weights
    monai = DiceCELoss(sigmoid=True, smooth_nr=1, smooth_dr=1, batch=over == "batch", lambda_dice=dice, lambda_ce=bce)
    loss = DiceBCELoss("sigmoid", over=over, dice_weight=dice, bce_weight=bce)
    value = loss(logits, mask, torch.ones_like(valid))
    torch.testing.assert_close(value, monai(logits, mask.unsqueeze(1).float()), **FLOAT32_TOLERANCE)


@pytest.mark.parametrize("weights", [(0.0, 0.0), (-1.0, 1.0)])
def test_refuses_weights_that_are_none(weights):
    with pytest.raises(ConfigError, match="dice_weight"):
        DiceBCELoss("sigmoid", dice_weight=weights[0], bce_weight=weights[1])
