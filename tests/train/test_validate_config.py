"""Configurations that compose but cannot work are refused before anything is computed."""

import pytest
from hydra.utils import get_class
from omegaconf import OmegaConf

from gequnet.config.compose import CONF, compose
from gequnet.errors import ConfigError
from gequnet.train.validate_config import validate_config


def test_volumes_are_not_turned_as_images_are() -> None:
    run, volumes = "paths.run=/nowhere", ["model=unet3d", "data=phantom_tumours"]
    validate_config(compose([run, *volumes]))
    validate_config(compose([run, "tta=d4"]))
    with pytest.raises(ConfigError, match="tta=d4 rotates 2-D images and data=phantom_tumours is 3-D"):
        validate_config(compose([run, *volumes, "tta=d4"]))


LOSSES = {path.stem: get_class(OmegaConf.load(path)._target_) for path in sorted((CONF / "loss").glob("*.yaml"))}


@pytest.mark.parametrize("name", [name for name, loss in LOSSES.items() if len(loss.heads) == 1])
def test_a_loss_that_does_not_fit_the_head_is_refused_with_those_that_do(name: str) -> None:
    data = ["data=isbi2012"] if LOSSES[name].heads == ("softmax",) else ["data=msd", "model=unet3d"]
    with pytest.raises(ConfigError, match=f"loss={name} does not fit head=") as refusal:
        validate_config(compose(["paths.run=/nowhere", f"loss={name}", *data]))
    head = str(refusal.value).partition("head=")[2].split()[0]
    named = str(refusal.value).partition("choose loss=")[2].rstrip(".").split(", ")
    assert set(named) == {other for other, loss in LOSSES.items() if head in loss.heads}


def test_weights_of_pixels_need_a_loss_that_is_a_mean_over_them() -> None:
    weights = "data.weights={_target_: gequnet.data.transforms.BorderWeights}"
    fitting = {name for name, loss in LOSSES.items() if loss.weighted and "sigmoid" in loss.heads}
    others = {name for name, loss in LOSSES.items() if not loss.weighted and "sigmoid" in loss.heads}
    assert fitting
    assert others
    for name in fitting | others:
        cfg = compose(["paths.run=/nowhere", f"loss={name}", weights])
        if name in fitting:
            validate_config(cfg)
            continue
        with pytest.raises(ConfigError, match=f"loss={name} is not a mean over pixels") as refusal:
            validate_config(cfg)
        assert set(str(refusal.value).partition("choose loss=")[2].partition(", or set")[0].split(", ")) == fitting
