import pytest
import torch
from monai.losses import DiceLoss as MonaiDice

from gequnet.errors import ConfigError
from gequnet.losses.dice import DiceLoss
from helpers.loss_cases import FLOAT32_TOLERANCE, batch


def one_hot(mask, num_classes):
    return torch.nn.functional.one_hot(mask, num_classes).movedim(-1, 1)


@pytest.mark.parametrize("over", ["batch", "image"])
@pytest.mark.parametrize("smooth", [1.0, 1e-3])
@pytest.mark.parametrize("space", [(7, 6), (3, 4, 5)])
def test_sigmoid_is_what_monai_says(space, smooth, over):
    for num_classes in (1, 3):
        logits, mask, _ = batch("sigmoid", num_classes, space)
        monai = MonaiDice(sigmoid=True, smooth_nr=smooth, smooth_dr=smooth, batch=over == "batch")
        value = DiceLoss("sigmoid", smooth=smooth, over=over)(logits, mask, torch.ones(3, *space).bool())
        torch.testing.assert_close(value, monai(logits, mask.reshape(logits.shape)), **FLOAT32_TOLERANCE)


@pytest.mark.parametrize("over", ["batch", "image"])
@pytest.mark.parametrize("include_background", [True, False])
def test_softmax_is_what_monai_says(include_background, over):
    logits, mask, valid = batch("softmax", 3)
    monai = MonaiDice(
        softmax=True, include_background=include_background, smooth_nr=1, smooth_dr=1, batch=over == "batch"
    )
    loss = DiceLoss("softmax", include_background=include_background, over=over)
    value = loss(logits, mask, torch.ones_like(valid))
    torch.testing.assert_close(value, monai(logits, one_hot(mask, 3)), **FLOAT32_TOLERANCE)


def test_class_weights_weigh_the_classes():
    logits, mask, valid = batch("sigmoid", 3)
    each = torch.stack([DiceLoss("sigmoid")(logits[:, k : k + 1], mask[:, k], valid) for k in range(3)])
    value = DiceLoss("sigmoid", class_weights=[1.0, 2.0, 5.0])(logits, mask, valid)
    torch.testing.assert_close(value, (each * torch.tensor([1, 2, 5])).sum() / 8, **FLOAT32_TOLERANCE)


def test_the_weight_of_an_uncounted_background_is_not_used():
    case = batch("softmax", 3)
    losses = [DiceLoss("softmax", class_weights=[first, 2.0, 5.0]) for first in (1.0, 100.0)]
    assert losses[0](*case) == losses[1](*case)


def test_weights_that_leave_the_background_alone_to_count_are_refused():
    with pytest.raises(ConfigError, match="leave nothing to learn"):
        DiceLoss("softmax", class_weights=[1.0, 0.0, 0.0])
    counted = DiceLoss("softmax", class_weights=[1.0, 0.0, 0.0], include_background=True)
    assert torch.isfinite(counted(*batch("softmax", 3)))


def test_over_image_is_the_mean_over_the_images_that_have_a_valid_pixel():
    logits, mask, valid = batch("sigmoid", 1)
    assert not valid[2].any()
    loss = DiceLoss("sigmoid", over="image")
    each = [loss(logits[i : i + 1], mask[i : i + 1], valid[i : i + 1]) for i in range(2)]
    torch.testing.assert_close(loss(logits, mask, valid), sum(each) / 2, **FLOAT32_TOLERANCE)


def test_over_batch_is_the_dice_of_the_images_side_by_side():
    logits, mask, valid = batch("sigmoid", 1)
    wide = [torch.cat(list(values), -1).unsqueeze(0) for values in (logits, mask, valid)]
    torch.testing.assert_close(DiceLoss("sigmoid")(logits, mask, valid), DiceLoss("sigmoid")(*wide))


def test_by_hand():
    # p = 1/2 on four pixels, one of them foreground: 2 * .5 / (2 + 1), with smooth 1 (1 + 1) / (3 + 1).
    logits, mask, valid = (
        torch.zeros(1, 1, 2, 2),
        torch.tensor([[[1, 0], [0, 0]]]),
        torch.ones(1, 2, 2).bool(),
    )
    assert DiceLoss("sigmoid", smooth=0.0)(logits, mask, valid).item() == pytest.approx(1 - 1 / 3)
    assert DiceLoss("sigmoid")(logits, mask, valid).item() == pytest.approx(1 - 2 / 4)


@pytest.mark.parametrize("smooth", [0.0, 1.0])
def test_nothing_to_find_and_nothing_found_costs_nothing(smooth):
    logits, mask, valid = (
        torch.full((1, 1, 4, 4), -200.0),
        torch.zeros(1, 4, 4).long(),
        torch.ones(1, 4, 4).bool(),
    )
    assert DiceLoss("sigmoid", smooth=smooth)(logits, mask, valid) == 0


def test_refuses_what_is_no_choice():
    with pytest.raises(ConfigError, match="batch, image"):
        DiceLoss("sigmoid", over="pixel")
    with pytest.raises(ConfigError, match="smooth=-1"):
        DiceLoss("sigmoid", smooth=-1.0)
