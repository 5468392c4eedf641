"""What composes but makes no sense is refused before anything is computed."""

import pytest

from gequnet.composition import compose
from gequnet.errors import ConfigError
from gequnet.recipe import check


def test_volumes_are_not_turned_as_images_are() -> None:
    run, volumes = "paths.run=/nowhere", ["model=unet3d", "data=phantom_tumours"]
    check(compose([run, *volumes]))
    check(compose([run, "tta=d4"]))
    with pytest.raises(ConfigError, match="tta=d4 turns images of the plane and data=phantom_tumours is 3-D"):
        check(compose([run, *volumes, "tta=d4"]))
