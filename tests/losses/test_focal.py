import pytest
import torch
from monai.losses import FocalLoss as MonaiFocal

from gequnet.errors import ConfigError
from gequnet.losses.bce import BCELoss
from gequnet.losses.cross_entropy import CrossEntropyLoss
from gequnet.losses.focal import FocalLoss
from helpers.loss_cases import FLOAT32_TOLERANCE, batch


@pytest.mark.parametrize("gamma", [0.5, 2.0])
@pytest.mark.parametrize("alpha", [None, 0.25])
def test_sigmoid_is_what_monai_says(alpha, gamma):
    for num_classes in (1, 3):
        logits, mask, valid = batch("sigmoid", num_classes)
        monai = MonaiFocal(gamma=gamma, alpha=alpha)
        value = FocalLoss("sigmoid", gamma=gamma, alpha=alpha)(logits, mask, torch.ones_like(valid))
        torch.testing.assert_close(value, monai(logits, mask.reshape(logits.shape)), **FLOAT32_TOLERANCE)


def test_softmax_is_what_monai_says():
    # MONAI's mean is also one over the three channels.
    logits, mask, valid = batch("softmax", 3)
    monai = MonaiFocal(gamma=2.0, use_softmax=True, to_onehot_y=True)
    value = FocalLoss("softmax")(logits, mask, torch.ones_like(valid))
    torch.testing.assert_close(value, 3 * monai(logits, mask.unsqueeze(1)), **FLOAT32_TOLERANCE)


def test_gamma_zero_is_cross_entropy():
    case = batch("sigmoid", 1)
    torch.testing.assert_close(FocalLoss("sigmoid", gamma=0.0)(*case), BCELoss("sigmoid")(*case))
    case = batch("softmax", 3)
    torch.testing.assert_close(FocalLoss("softmax", gamma=0.0)(*case), CrossEntropyLoss("softmax")(*case))


@pytest.mark.parametrize("head", ["sigmoid", "softmax"])
def test_a_root_of_nothing_has_a_finite_gradient(head):
    logits, mask, valid = batch(head, 3)
    logits = (1e4 * logits).requires_grad_()
    FocalLoss(head, gamma=0.5)(logits, mask, valid).backward()
    assert torch.isfinite(logits.grad).all()


def test_refuses_what_is_no_choice():
    with pytest.raises(ConfigError, match="gamma=-1"):
        FocalLoss("sigmoid", gamma=-1.0)
    with pytest.raises(ConfigError, match="alpha=2"):
        FocalLoss("sigmoid", alpha=2.0)
    with pytest.raises(ConfigError, match="use loss"):
        FocalLoss("softmax", alpha=0.25)
