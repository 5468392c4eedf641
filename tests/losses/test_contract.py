"""Contract of all losses, tested for every loss with every head that it fits."""

import math

import pytest
import torch
from hydra.utils import get_class, instantiate
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from gequnet.errors import ConfigError
from gequnet.heads import HEADS
from gequnet.losses.base import SegmentationLoss
from gequnet.losses.bce import BCELoss
from gequnet.losses.compound import DiceCELoss, DicePlus
from gequnet.losses.cross_entropy import CrossEntropyLoss
from gequnet.losses.dice import DiceLoss
from helpers.loss_cases import FITTING_PAIRS, FLOAT32_TOLERANCE, LOSSES, batch, valid_only
from helpers.repository import CONF

LOSS_FILES = CONF / "loss"
every_loss = pytest.mark.parametrize(("loss", "head"), FITTING_PAIRS)


def shapes(head: str) -> list[int]:
    return [2, 5] if head == "softmax" else [1, 3]


@every_loss
@pytest.mark.parametrize("space", [(7, 6), (3, 4, 5)])
def test_is_a_finite_scalar_in_two_and_three_dimensions(loss, head, space):
    for num_classes in shapes(head):
        value = loss(head)(*batch(head, num_classes, space))
        assert value.shape == ()
        assert value.dtype == torch.float32
        assert torch.isfinite(value)
        assert value > 0


@every_loss
def test_falls_as_the_prediction_becomes_right(loss, head):
    for num_classes in shapes(head):
        logits, mask, valid = batch(head, num_classes)
        hot = torch.nn.functional.one_hot(mask, num_classes).movedim(-1, 1) if head == "softmax" else mask
        right = (2.0 * hot - 1).reshape(logits.shape)
        values = [float(loss(head)(scale * right, mask, valid)) for scale in (-20, -2, 0, 2, 20)]
        assert values == sorted(values, reverse=True)
        assert values[-1] < 1e-6


@every_loss
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_an_invalid_pixel_is_a_deleted_pixel(loss, head, seed):
    # In one image; what `over` makes of several images is tested with Dice.
    for num_classes in shapes(head):
        case = batch(head, num_classes, size=1, seed=seed)
        torch.testing.assert_close(loss(head)(*case), loss(head)(*valid_only(*case)), **FLOAT32_TOLERANCE)


@every_loss
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_order_of_pixels_does_not_matter(loss, head, seed):
    logits, mask, valid = batch(head, 2 if head == "softmax" else 1, size=2, seed=seed)
    order = torch.randperm(42, generator=torch.Generator().manual_seed(seed))
    shuffled = [values.flatten(-2)[..., order].reshape(values.shape) for values in (logits, mask, valid)]
    torch.testing.assert_close(loss(head)(*shuffled), loss(head)(logits, mask, valid), **FLOAT32_TOLERANCE)


@every_loss
def test_what_the_mask_says_on_void_does_not_matter(loss, head):
    logits, mask, valid = batch(head, 3)
    void = ~valid if mask.ndim == valid.ndim else ~valid.unsqueeze(1).expand_as(mask)
    torch.testing.assert_close(loss(head)(logits, mask.masked_fill(void, 255), valid), loss(head)(logits, mask, valid))


@pytest.mark.parametrize("loss", [loss for loss, head in FITTING_PAIRS if head == "softmax"])
@pytest.mark.parametrize("num_classes", [2, 5])
def test_a_label_that_is_no_class_is_void(loss, num_classes):
    logits, mask, valid = batch("softmax", num_classes, size=2)
    void = torch.rand(mask.shape, generator=torch.Generator().manual_seed(1)) < 0.3
    value = loss("softmax")(logits, mask.masked_fill(void, 255), valid)
    torch.testing.assert_close(value, loss("softmax")(logits, mask, valid & ~void))


@every_loss
@pytest.mark.parametrize("over", ["batch", "image"])
def test_an_image_without_valid_pixels_is_an_image_that_is_not_there(loss, head, over):
    for num_classes in shapes(head):
        case = batch(head, num_classes)
        assert not case[2][-1].any()
        made = loss(head, **options(loss, over))
        torch.testing.assert_close(made(*case), made(*(part[:-1] for part in case)), **FLOAT32_TOLERANCE)


@every_loss
@pytest.mark.parametrize("over", ["batch", "image"])
@pytest.mark.parametrize("where", ["in an image", "everywhere"])
@pytest.mark.parametrize("rare", [False, True])
def test_a_class_may_be_absent_whatever_its_weight(loss, head, over, where, rare):
    """The last class is in other images only, or nowhere; its weight is ordinary, or the only one above 0."""
    for num_classes in shapes(head):
        logits, mask, valid = batch(head, num_classes)
        images = slice(1) if where == "in an image" else slice(None)
        of_class = mask[images] if mask.ndim == valid.ndim else mask[images, -1]
        of_class[of_class == max(num_classes - 1, 1) if head == "softmax" else of_class == 1] = 0
        weights = [0.0] * (num_classes - 1) + [1.0] if rare else [1.0] * num_classes
        made = loss(head, class_weights=weights, **options(loss, over))
        value = made(logits.requires_grad_(), mask, valid)
        assert torch.isfinite(value)
        assert value >= 0
        (gradient,) = torch.autograd.grad(value, logits)
        assert torch.isfinite(gradient).all()
        assert (gradient.movedim(1, -1)[~valid] == 0).all()


def options(loss: type[SegmentationLoss], over: str) -> dict[str, str]:
    """Options ``over`` of the loss, if it has any."""
    return {"over": over} if "over" in loss.__init__.__code__.co_varnames else {}


@every_loss
@pytest.mark.parametrize("over", ["batch", "image"])
def test_a_batch_without_valid_pixels_costs_nothing_and_its_gradient_is_zero(loss, head, over):
    logits, mask, valid = batch(head, 3)
    logits.requires_grad_()
    value = loss(head, **options(loss, over))(logits, mask, torch.zeros_like(valid))
    value.backward()
    assert value.item() == 0
    assert logits.grad is not None
    assert (logits.grad == 0).all()


@every_loss
def test_gradients_are_those_of_finite_differences(loss, head):
    for num_classes in shapes(head):
        logits, mask, valid = batch(head, num_classes, space=(3, 2), dtype=torch.float64)
        assert torch.autograd.gradcheck(lambda z: loss(head)(z, mask, valid), logits.requires_grad_())  # noqa: B023


@every_loss
def test_extreme_logits_give_finite_gradients(loss, head):
    logits, mask, valid = batch(head, 3)
    logits = (1e4 * logits).requires_grad_()
    loss(head)(logits, mask, valid).backward()
    assert torch.isfinite(logits.grad).all()


@every_loss
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_logits_are_summed_in_full_precision(loss, head, dtype):
    # 64 x 64 pixels: a sum in bfloat16 would stop growing at 256.
    logits, mask, valid = batch(head, 3, space=(64, 64))
    half = logits.to(dtype)
    with torch.autocast("cpu", dtype=dtype):
        value = loss(head)(half, mask, valid)
    torch.testing.assert_close(value, loss(head)(half.float(), mask, valid), **FLOAT32_TOLERANCE)


@every_loss
def test_only_the_ratios_of_class_weights_matter(loss, head):
    case = batch(head, 3)
    once, twice = loss(head, class_weights=[1.0, 2.0, 0.0]), loss(head, class_weights=[2.0, 4.0, 0.0])
    torch.testing.assert_close(once(*case), twice(*case), **FLOAT32_TOLERANCE)
    equal = loss(head, class_weights=[3.0, 3.0, 3.0])
    torch.testing.assert_close(equal(*case), loss(head)(*case), **FLOAT32_TOLERANCE)
    assert not torch.isclose(once(*case), equal(*case))
    assert not once.state_dict()


MEANS = [(loss, head) for loss, head in FITTING_PAIRS if loss.weighted and not issubclass(loss, DicePlus)]


@pytest.mark.parametrize(("loss", "head"), MEANS)
@pytest.mark.parametrize("class_weights", [None, [1.0, 2.0, 5.0]])
def test_a_weight_multiplies_the_loss_of_its_pixel(loss, head, class_weights):
    logits, mask, valid = batch(head, 3, space=(3, 2))
    whole = loss(head, class_weights=class_weights)
    weight = torch.rand(valid.shape, generator=torch.Generator().manual_seed(1)) * 5
    parts = torch.stack([whole(logits, mask, valid, weight * one) for one in single_pixels(valid)])
    ones = torch.stack([whole(logits, mask, valid, 1.0 * one) for one in single_pixels(valid)])
    torch.testing.assert_close(parts, weight[valid] * ones, **FLOAT32_TOLERANCE)
    torch.testing.assert_close(parts.sum(), whole(logits, mask, valid, weight), **FLOAT32_TOLERANCE)
    torch.testing.assert_close(ones.sum(), whole(logits, mask, valid), **FLOAT32_TOLERANCE)


def single_pixels(valid):
    """Masks of one valid pixel each."""
    return torch.nn.functional.one_hot(torch.arange(valid.numel())).view(-1, *valid.shape)[valid.flatten()]


@pytest.mark.parametrize(("loss", "head"), [pair for pair in FITTING_PAIRS if pair[0].weighted])
def test_equal_weights_change_nothing_and_void_has_none(loss, head):
    logits, mask, valid = batch(head, 3)
    weight = torch.where(valid, 1.0, 1e6)
    torch.testing.assert_close(loss(head)(logits, mask, valid, weight), loss(head)(logits, mask, valid))
    assert loss(head)(logits, mask, torch.zeros_like(valid), weight) == 0


@pytest.mark.parametrize("head", ["sigmoid", "softmax"])
def test_a_sum_with_a_dice_gives_the_weight_to_its_other_loss(head):
    logits, mask, valid = batch(head, 3)
    weight = 3 * torch.rand(valid.shape, generator=torch.Generator().manual_seed(1))
    other = CrossEntropyLoss(head) if head == "softmax" else BCELoss(head)
    expected = 0.3 * DiceLoss(head)(logits, mask, valid) + 0.7 * other(logits, mask, valid, weight)
    value = DiceCELoss(head, dice_weight=0.3, ce_weight=0.7)(logits, mask, valid, weight)
    torch.testing.assert_close(value, expected, **FLOAT32_TOLERANCE)


@pytest.mark.parametrize(("loss", "head"), [pair for pair in FITTING_PAIRS if not pair[0].weighted])
def test_what_is_no_mean_over_pixels_refuses_a_weight(loss, head):
    logits, mask, valid = batch(head, 3)
    with pytest.raises(ConfigError, match=f"{loss.__name__} is not a mean over pixels.*data.weights=null"):
        loss(head)(logits, mask, valid, torch.ones(valid.shape))


@pytest.mark.parametrize("loss", [loss for loss in LOSSES if len(loss.heads) == 1])
def test_a_head_that_does_not_fit_is_refused(loss):
    head = "sigmoid" if loss.heads == ("softmax",) else "softmax"
    with pytest.raises(ConfigError, match=f"does not fit head={head}.*loss=dice_ce fits every head"):
        loss(head)


@every_loss
def test_mistakes_get_a_sentence(loss, head):
    logits, mask, valid = batch(head, 3)
    with pytest.raises(ConfigError, match="'tanh' does not exist"):
        loss("tanh")
    for weights in ([-1.0, 1.0], [0.0, 0.0], []):
        with pytest.raises(ConfigError, match="class_weights"):
            loss(head, class_weights=weights)
    with pytest.raises(ConfigError, match="2 numbers, but there are 3 logits"):
        loss(head, class_weights=[1.0, 1.0])(logits, mask, valid)


def test_a_mask_that_does_not_fit_the_head_gets_a_sentence():
    logits, mask, valid = batch("softmax", 3)
    by_head = {loss.heads[0]: loss for loss in LOSSES if len(loss.heads) == 1}
    with pytest.raises(ConfigError, match="does not fit a mask of shape"):
        by_head["sigmoid"]("sigmoid")(logits, mask, valid)
    with pytest.raises(ConfigError, match="two or more logits"):
        by_head["softmax"]("softmax")(logits[:, :1], mask, valid)


@pytest.mark.parametrize("path", sorted(LOSS_FILES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_node_is_a_loss_and_names_all_its_arguments(path):
    node = OmegaConf.load(path)
    for head in HEADS:
        config = OmegaConf.create({"data": {"head": head}, "loss": node})
        if head in get_class(node._target_).heads:
            loss = instantiate(config.loss)
            assert isinstance(loss, SegmentationLoss)
            assert math.isfinite(loss(*batch(head, 2)))
            written = set(node) - {"_target_"}
            assert written == set(type(loss).__init__.__annotations__) - {"return"}
        else:
            with pytest.raises(Exception, match="does not fit head"):
                instantiate(config.loss)


def test_there_is_a_node_for_each_loss():
    nodes = [OmegaConf.load(path)._target_ for path in LOSS_FILES.glob("*.yaml")]
    assert {get_class(target) for target in nodes} == set(LOSSES)
