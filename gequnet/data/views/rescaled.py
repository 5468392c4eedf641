"""A dataset whose every object is larger, or smaller, by one factor: scenes resampled about their centres."""

from dataclasses import replace

from gequnet.data.scene import Scene, pixels
from gequnet.data.source import Source, Split
from gequnet.data.transforms.magnify import magnified_image, magnified_labels, magnified_regions, magnified_sides
from gequnet.errors import ConfigError
from gequnet.symmetry.actions import magnify


def at_scale(source: Source, factor: float) -> Source:
    """The images of a dataset with everything in them ``factor`` times as large, for tests at other scales.

    They are drawn anew where the source can do so, see ``Source.at_scale``, and resampled by ``Rescaled`` elsewhere.
    """
    return source.at_scale(factor) or Rescaled(source, factor)


class Rescaled(Source):
    """The same images of another dataset, magnified.

    Args:
        source: The dataset.
        factor: How many times as large everything is.

    Raises:
        ConfigError: If the factor is not above 0.
    """

    def __init__(self, source: Source, factor: float) -> None:
        if not 0 < factor < float("inf"):
            raise ConfigError(f"A magnification of {factor} makes no image: give a number above 0.")
        self.source, self.factor, self.name = source, factor, source.name

    def ids(self, split: Split) -> list[str]:
        """Those of the dataset."""
        return self.source.ids(split)

    def load(self, sample_id: str) -> Scene:
        """The image, magnified about its centre."""
        return magnified_scene(self.source.load(sample_id), self.factor)

    def check(self) -> None:
        """Nothing is needed but the dataset itself."""
        self.source.check()

    def labels_differ(self) -> list[str]:
        """What the dataset says."""
        return self.source.labels_differ()

    def folding(self) -> list[list[str]] | None:
        """That of the dataset."""
        return self.source.folding()

    def facts(self, sample_id: str) -> dict[str, str | float]:
        """What the dataset knows."""
        return self.source.facts(sample_id)


def magnified_scene(scene: Scene, factor: float) -> Scene:
    """The scene ``factor`` times as large: sides, rounded, and everything in it; a pixel stays what it is in mm.

    Labels stay labels, see ``magnified_labels``, and objects keep their numbers. Where patches may start is forgotten,
    and so is the file that the scene came from, to which its pixels no longer belong.
    """
    if factor == 1:
        return scene
    sides = magnified_sides(scene.space, factor)
    second, instances = scene.second, scene.instances
    if instances is not None:
        instances = magnify(instances[None, None], factor, sides, order=0, padding_mode="border")[0, 0]
    return replace(
        scene,
        image=magnified_image(pixels(scene.image), factor, sides),
        mask=magnified_labels(scene.mask, factor, sides),
        valid=magnified_regions(scene.valid[None], factor, sides)[0],
        second=None if second is None else magnified_labels(second, factor, sides),
        instances=instances,
        corners=None,
        geometry=None,
    )
