"""What composes but makes no sense is refused before anything is computed."""

import pytest
from hydra.utils import get_class

from gequnet.config.compose import CONF, compose
from gequnet.errors import ConfigError
from gequnet.train.validate_config import check


def test_volumes_are_not_turned_as_images_are() -> None:
    run, volumes = "paths.run=/nowhere", ["model=unet3d", "data=phantom_tumours"]
    check(compose([run, *volumes]))
    check(compose([run, "tta=d4"]))
    with pytest.raises(ConfigError, match="tta=d4 turns images of the plane and data=phantom_tumours is 3-D"):
        check(compose([run, *volumes, "tta=d4"]))


def test_weights_of_pixels_need_a_loss_that_is_a_mean_over_them() -> None:
    weights = "data.weights={_target_: gequnet.data.transforms.border_weights.BorderWeights}"
    fitting, named = set(), []
    for path in (CONF / "loss").glob("*.yaml"):
        cfg = compose(["paths.run=/nowhere", f"loss={path.stem}", weights])
        if get_class(cfg.loss._target_).weighted:
            check(cfg)
            fitting.add(path.stem)
            continue
        with pytest.raises(ConfigError, match=f"loss={path.stem} is no mean over pixels") as refusal:
            check(cfg)
        named.append(str(refusal.value).partition("choose loss=")[2].partition(", or set")[0])
    assert len(named) == 3
    assert all(set(names.replace(" or ", ", ").split(", ")) == fitting for names in named)
