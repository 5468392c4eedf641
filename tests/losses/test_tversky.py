import pytest
import torch
from monai.losses import TverskyLoss as MonaiTversky

from gequnet.errors import ConfigError
from gequnet.losses.dice import DiceLoss
from gequnet.losses.iou import IoULoss
from gequnet.losses.tversky import TverskyLoss
from helpers.loss_cases import FLOAT32_TOLERANCE, batch


@pytest.mark.parametrize("over", ["batch", "image"])
@pytest.mark.parametrize(("alpha", "beta"), [(0.3, 0.7), (1.0, 0.2)])
def test_is_what_monai_says(alpha, beta, over):
    logits, mask, valid = batch("softmax", 3)
    monai = MonaiTversky(
        softmax=True, to_onehot_y=True, include_background=False, alpha=alpha, beta=beta,
        smooth_nr=1, smooth_dr=1, batch=over == "batch",
    )  # fmt: skip
    value = TverskyLoss("softmax", over=over, alpha=alpha, beta=beta)(logits, mask, torch.ones_like(valid))
    torch.testing.assert_close(value, monai(logits, mask.unsqueeze(1)), **FLOAT32_TOLERANCE)


def test_dice_and_iou_are_its_special_cases():
    case = batch("sigmoid", 1)
    half = TverskyLoss("sigmoid", alpha=0.5, beta=0.5, smooth=1.0)
    torch.testing.assert_close(half(*case), DiceLoss("sigmoid", smooth=2.0)(*case), **FLOAT32_TOLERANCE)
    whole = TverskyLoss("sigmoid", alpha=1.0, beta=1.0)
    torch.testing.assert_close(whole(*case), IoULoss("sigmoid")(*case), **FLOAT32_TOLERANCE)


@pytest.mark.parametrize("costs", [(0.0, 0.0), (-1.0, 1.0)])
def test_refuses_costs_that_are_none(costs):
    with pytest.raises(ConfigError, match="alpha"):
        TverskyLoss("sigmoid", alpha=costs[0], beta=costs[1])
