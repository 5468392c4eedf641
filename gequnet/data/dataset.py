"""Datasets of samples: random patches for training, whole images for validation and test."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from gequnet.data.datasets.field_of_view import estimate_field_of_view, is_photograph
from gequnet.data.errors import NoValidPixelError
from gequnet.data.sampler import Key, RepeatedIndex, generator_for
from gequnet.data.scene import Scene
from gequnet.data.source import Source
from gequnet.data.transforms.augment import Augmentation
from gequnet.data.transforms.normalise import Scale
from gequnet.data.transforms.patch import Patch, draw_corner, full_patch, window
from gequnet.errors import ConfigError

log = logging.getLogger(__name__)

Sample = dict[str, Any]
"""A dict of ``image`` float32 [C, *space], ``mask`` int64 [*space] or [K, *space], ``valid`` bool [*space] and ``id``.

``weight``, float32 [*space], if pixels have different weights in the loss. ``field``, bool [*space], the estimated
field of view of a test image. ``spacing``, float32 [dims], in millimetres
per pixel, of a whole image if it is known. ``repeated`` if another process has the same image."""


def usable_scene(source: Source, sample_id: str) -> Scene:
    """The scene of this id.

    Raises:
        NoValidPixelError: If none of its pixels is valid.
    """
    scene = source.load(sample_id)
    if not scene.valid.any():
        raise NoValidPixelError(f"{source.name}: {sample_id}")
    return scene


class SceneCache:
    """Scenes of a source with their intensity scales, each decoded once and kept; one cache per process.

    The first image with pixels that are not finite gives a warning for the whole dataset.

    A scene that was cut from another one has the scale of the whole, as a training patch has.

    Args:
        source: Source of the scenes.
        scale_of: Function that returns the intensity scale of a whole scene.
        weight_of: Function that returns the weight of each pixel in the loss; None for equal weights.
    """

    def __init__(
        self,
        source: Source,
        scale_of: Callable[[Scene], Scale],
        weight_of: Callable[[Scene], Tensor | None] | None = None,
    ) -> None:
        self.source, self.scale_of, self.weight_of = source, scale_of, weight_of
        self._kept: dict[str, tuple[Scene, Scale]] = {}
        self._scales: dict[str, Scale] = {}
        self._warned = False

    def __getitem__(self, sample_id: str) -> tuple[Scene, Scale]:
        if sample_id not in self._kept:
            scene = usable_scene(self.source, sample_id)
            self._warn(scene.origin or scene)
            if self.weight_of is not None:
                scene = replace(scene, weight=self.weight_of(scene))
            self._kept[sample_id] = scene, self._scale(scene.origin or scene)
        return self._kept[sample_id]

    def _warn(self, scene: Scene) -> None:
        if scene.not_finite and not self._warned:
            log.warning(
                "%s: %d pixels of %s are not finite (nan or infinite); in this and all other images they are neither "
                "trained on nor scored, and `python -m gequnet.data verify` counts them.",
                self.source.name,
                scene.not_finite,
                scene.id,
            )
            self._warned = True

    def _scale(self, whole: Scene) -> Scale:
        if whole.id not in self._scales:
            self._scales[whole.id] = self.scale_of(whole)
        return self._scales[whole.id]


class PatchDataset(Dataset[Sample]):
    """Random patches, each a function of (seed, epoch, index) alone.

    Index *i* is cut from image *i* modulo the number of images, so an epoch uses all images equally. With a pool of N
    places, samples are numbered over all epochs, and number *v* is cut at place *v* modulo N. A place is the same at
    every visit, and its augmentation is new each time.

    Args:
        scenes: Source of the images.
        ids: Ids of the images.
        size: Size of a patch in pixels, one number per axis.
        augment: Augmentation of each patch.
        seed: Seed of the run.
        epoch_length: Number of indices in an epoch.
        min_valid: Minimum share of a patch inside the field of view, see ``draw_corner``.
        foreground: Probability of a patch around a labelled pixel.
        pool: Number of places that patches are cut from, drawn once from the seed; None for no limit. In a scene with
            few ``corners`` two places can be the same.
        outside_weight: Weight in the loss of pixels outside the field of view; 0: they are not valid.
    """

    def __init__(
        self,
        scenes: SceneCache,
        ids: Sequence[str],
        size: Sequence[int],
        augment: Augmentation,
        seed: int,
        epoch_length: int,
        min_valid: float = 0.5,
        foreground: float = 0.0,
        pool: int | None = None,
        outside_weight: float = 0.0,
    ) -> None:
        self.scenes, self.ids, self.size = scenes, list(ids), list(size)
        self.augment, self.seed, self.epoch_length = augment, seed, epoch_length
        self.min_valid, self.foreground, self.pool = min_valid, foreground, pool
        self.outside_weight = outside_weight

    def __getitem__(self, key: Key | int) -> Sample:
        if not isinstance(key, tuple):
            raise ConfigError(
                "Training patches have keys (epoch, index), and a number came: the trainer replaced our sampler by its "
                "own; set trainer.use_distributed_sampler=false and trainer.overfit_batches=0."
            )
        epoch, index = key
        place = index if self.pool is None else (epoch * self.epoch_length + index) % self.pool
        generator = generator_for(self.seed, "patch", epoch, index)
        where = generator if self.pool is None else generator_for(self.seed, "pool", place)
        scene, scale = self.scenes[self.ids[place % len(self.ids)]]
        corner = draw_corner(scene, self.size, where, self.min_valid, self.foreground)
        patch = self.augment(self._surroundings(scene, corner), self.size, generator)
        if patch.outside is not None:
            patch = self._with_outside(patch, patch.outside)
        return _sample(scene, patch, scale)

    def _surroundings(self, scene: Scene, corner: Sequence[int]) -> Patch:
        """The window around the patch that is large enough for the augmentation to fill its corners."""
        needed = self.augment.needs(self.size)
        outer = [c - (n - side) // 2 for c, n, side in zip(corner, needed, self.size, strict=True)]
        patch = window(scene, outer, needed)
        return patch if self.outside_weight else replace(patch, outside=None)

    def _with_outside(self, patch: Patch, outside: Tensor) -> Patch:
        """The patch with the pixels outside the field of view as valid ones of their own weight."""
        inside = torch.ones(()) if patch.weight is None else patch.weight
        return replace(
            patch, valid=patch.valid | outside, weight=torch.where(outside, self.outside_weight, inside).float()
        )


class WholeImages(Dataset[Sample]):
    """Whole images at full resolution; only their intensities are scaled.

    Args:
        scenes: Source of the images.
        ids: Ids of the images.
        full: True to add the parts that only the test uses, if there are any: the mask of the ``second`` observer and
            the ``instances``.
        fov: True to add the estimated field of view, as a ``field``, of photographs of a fundus.
    """

    def __init__(self, scenes: SceneCache, ids: Sequence[str], full: bool = False, fov: bool = False) -> None:
        self.scenes, self.ids, self.full, self.fov = scenes, list(ids), full, fov

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> Sample:
        scene, scale = self.scenes[self.ids[index]]
        sample = _sample(scene, full_patch(scene), scale)
        if scene.spacing:
            sample["spacing"] = torch.tensor(scene.spacing)
        if isinstance(index, RepeatedIndex):
            sample["repeated"] = True
        if self.fov and is_photograph(scene.image):
            sample["field"] = estimate_field_of_view(scene.image)
        if self.full:
            more = {"second": scene.second, "instances": scene.instances}
            sample |= {name: part.long() for name, part in more.items() if part is not None}
        return sample


def _sample(scene: Scene, patch: Patch, scale: Scale) -> Sample:
    # Copies own their memory: a view of a cached scene would send the whole scene through a worker's pipe.
    sample = {
        "image": scale(patch.image),
        "mask": patch.mask.long(),
        "valid": patch.valid.clone(memory_format=torch.contiguous_format),
        "id": scene.id,
    }
    if patch.weight is not None:
        sample["weight"] = patch.weight.clone(memory_format=torch.contiguous_format)
    return sample
