"""View of a dataset with all images magnified by one factor, about their centres."""

from dataclasses import replace

from gequnet.data.scene import Scene, pixels
from gequnet.data.source import Source, Split
from gequnet.data.transforms.magnify import magnified_image, magnified_labels, magnified_regions, magnified_sides
from gequnet.errors import ConfigError
from gequnet.symmetry.actions import magnify


def at_scale(source: Source, factor: float) -> Source:
    """The images of a dataset with everything in them ``factor`` times as large, for tests at other scales.

    Sources that can draw their images at another scale do so, see ``Source.at_scale``; others are resampled by
    ``Rescaled``.
    """
    return source.at_scale(factor) or Rescaled(source, factor)


class Rescaled(Source):
    """The images of another dataset, magnified by resampling.

    Args:
        source: The dataset.
        factor: Magnification.

    Raises:
        ConfigError: If the factor is not above 0.
    """

    def __init__(self, source: Source, factor: float) -> None:
        if not 0 < factor < float("inf"):
            raise ConfigError(f"A magnification of {factor} is not possible: give a number above 0.")
        self.source, self.factor, self.name = source, factor, source.name

    def ids(self, split: Split) -> list[str]:
        """The ids of the dataset."""
        return self.source.ids(split)

    def load(self, sample_id: str) -> Scene:
        """The image, magnified about its centre."""
        return magnified_scene(self.source.load(sample_id), self.factor)

    def check(self) -> None:
        """Check the dataset."""
        self.source.check()

    def labels_differ(self) -> list[str]:
        """The ids that the dataset returns."""
        return self.source.labels_differ()

    def folding(self) -> list[list[str]] | None:
        """The folds of the dataset."""
        return self.source.folding()

    def facts(self, sample_id: str) -> dict[str, str | float]:
        """The facts of the dataset."""
        return self.source.facts(sample_id)


def magnified_scene(scene: Scene, factor: float) -> Scene:
    """The scene ``factor`` times as large: its sides, rounded, and everything in it; the spacing in mm stays.

    Labels stay labels, see ``magnified_labels``, and objects keep their numbers. ``corners``, ``geometry`` and
    ``outside`` are removed, since they do not hold on the new grid.
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
        outside=None,
        corners=None,
        geometry=None,
        not_finite=0,
    )
