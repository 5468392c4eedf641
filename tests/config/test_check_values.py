"""Values of a configuration against the annotations of the classes that take them."""

import pytest

from gequnet.config.check_values import check_value, check_values, hints_of
from gequnet.config.compose import compose
from gequnet.errors import ConfigError
from gequnet.ranges import Count, Share


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("seed=null", "seed=null must be a whole number."),
        ("seed=-1", "seed=-1 must be at least 0."),
        ("validations=0", "validations=0 must be at least 1."),
        ("forecast=maybe", "forecast=maybe must be true or false."),
        ("scales=[]", "scales=[] must be a list of at least 1 item, not 0."),
        ("optim.lr=nan", "optim.lr=NaN must be a finite number."),
        ("optim.weight_decay=inf", "optim.weight_decay=Infinity must be a finite number."),
        ("optim.betas=3", "optim.betas=3 must be a list."),
        ("+optim.momentun=3", "There is no optim.momentun: "),
        ("data.min_valid=2", "data.min_valid=2 must be at most 1."),
        ("data.num_workers=-1", "data.num_workers=-1 must be at least 0."),
        ("data.batch_size=true", "data.batch_size=true must be a whole number."),
        ("data.class_names=vessel", "data.class_names=vessel must be a list."),
        ("data.normalisation=mean", "data.normalisation=mean must be 'range', 'instance', "),
        ("data.source.size=big", "data.source.size=big must be a whole number."),
        ("model.depth=two", "model.depth=two must be a whole number."),
        ("model.dropout=1.5", "model.dropout=1.5 must be at most 1, or a list."),
        ("+model.dropuot=0.5", "There is no model.dropuot: the nearest is dropout."),
        ("loss.smooth=null", "loss.smooth=null must be a number."),
        ("trainer.gradient_clip_val=-1", "trainer.gradient_clip_val=-1 must be at least 0."),
        ("callbacks.equivariance.images=x", "callbacks.equivariance.images=x must be a whole number."),
    ],
)
def test_a_value_that_does_not_fit_is_named(word: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_values(compose([word, "paths.run=here"]))
    assert str(caught.value).startswith(sentence)


def test_the_value_is_named_that_was_written_and_not_those_that_refer_to_it() -> None:
    with pytest.raises(ConfigError, match=r"^data\.patch_size=many must be"):
        check_values(compose(["data.patch_size=many", "paths.run=here"]))


def test_a_class_of_ones_own_is_checked_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    class Net:
        def __init__(self, width: Count, share: Share = 0.5, depth: Count = None, **more: int) -> None: ...  # type: ignore[assignment]

    monkeypatch.setattr("helpers.stripes.Net", Net, raising=False)
    assert set(hints_of("helpers.stripes.Net")) == {"width", "share", "depth", "**"}
    words = ["+callbacks.mine={_target_: helpers.stripes.Net, width: 3, other: 7, depth: null}", "paths.run=here"]
    check_values(compose(words))
    with pytest.raises(ConfigError, match=r"callbacks\.mine\.share=2 must be at most 1"):
        check_values(compose([*words, "+callbacks.mine.share=2"]))


@pytest.mark.parametrize(("value", "hint"), [([1, 2], tuple[int, int]), (3, float), ("a", "Unknown"), (None, object)])
def test_values_that_yaml_can_write_fit(value: object, hint: object) -> None:
    check_value("name", value, hint)
