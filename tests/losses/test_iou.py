import pytest
import torch
from monai.losses import DiceLoss as MonaiDice

from gequnet.losses.dice import DiceLoss
from gequnet.losses.iou import IoULoss
from helpers.loss_cases import FLOAT32_TOLERANCE, batch


@pytest.mark.parametrize("over", ["batch", "image"])
def test_is_what_monai_says(over):
    # MONAI has (2 TP + s) / (2 (TP + FP + FN) + s), so twice our smooth.
    logits, mask, valid = batch("sigmoid", 3)
    monai = MonaiDice(sigmoid=True, jaccard=True, smooth_nr=2, smooth_dr=2, batch=over == "batch")
    value = IoULoss("sigmoid", over=over)(logits, mask, torch.ones_like(valid))
    torch.testing.assert_close(value, monai(logits, mask), **FLOAT32_TOLERANCE)


def test_is_d_over_two_minus_d():
    case = batch("sigmoid", 1)
    dice = 1 - DiceLoss("sigmoid", smooth=0.0)(*case)
    torch.testing.assert_close(1 - IoULoss("sigmoid", smooth=0.0)(*case), dice / (2 - dice), **FLOAT32_TOLERANCE)
