import pytest
import torch
from sklearn.metrics import brier_score_loss
from torch.nn import functional as F

from gequnet.losses.mse import MSELoss
from helpers.loss_cases import FLOAT32_TOLERANCE, batch, valid_only


def test_sigmoid_is_the_brier_score_of_scikit_learn():
    case = batch("sigmoid", 1)
    logits, mask, _ = valid_only(*case)
    expected = brier_score_loss(mask.flatten().numpy(), logits.sigmoid().flatten().numpy())
    assert MSELoss("sigmoid")(*case).item() == pytest.approx(expected, rel=1e-5)


def test_softmax_is_what_torch_says_about_one_hot_targets():
    case = batch("softmax", 3)
    logits, mask, _ = valid_only(*case)
    expected = F.mse_loss(logits.softmax(1), F.one_hot(mask, 3).movedim(-1, 1).float())
    torch.testing.assert_close(MSELoss("softmax")(*case), expected, **FLOAT32_TOLERANCE)
