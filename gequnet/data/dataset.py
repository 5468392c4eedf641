"""Scenes as the samples that a network is fed: random patches to train on, whole images to be judged by."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from gequnet.data.sampler import Key, Repeated, generator_for
from gequnet.data.scene import Scene
from gequnet.data.source import Source
from gequnet.data.transforms.augment import Augmentation
from gequnet.data.transforms.normalise import Scale
from gequnet.data.transforms.patch import Patch, draw_corner, whole, window
from gequnet.errors import ConfigError

Sample = dict[str, Any]
"""``image`` float32 [C, *space], ``mask`` int64 [*space] or [K, *space], ``valid`` bool [*space], ``id``; where pixels
do not count the same in the loss also ``weight``, float32 [*space]; of a whole image whose ``spacing`` is known also
that, float32 [dims], in millimetres per pixel; ``repeated`` where another process has the same image."""


class SceneCache:
    """Scenes of a source with their scales, each decoded once and kept; a copy for each process that asks.

    A scene that was cut from another has the scale of the whole, as a training patch has.

    Args:
        source: Where the scenes come from.
        scale_of: The scale of a whole scene.
        weight_of: How much each pixel of a scene counts in the loss; None where all count the same.
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

    def __getitem__(self, sample_id: str) -> tuple[Scene, Scale]:
        if sample_id not in self._kept:
            scene = self.source.load(sample_id)
            if self.weight_of is not None:
                scene = replace(scene, weight=self.weight_of(scene))
            self._kept[sample_id] = scene, self._scale(scene.origin or scene)
        return self._kept[sample_id]

    def _scale(self, whole: Scene) -> Scale:
        if whole.id not in self._scales:
            self._scales[whole.id] = self.scale_of(whole)
        return self._scales[whole.id]


class PatchDataset(Dataset[Sample]):
    """Random patches, each a function of (seed, epoch, index) alone.

    Index *i* is cut from image *i* modulo the number of images, so an epoch uses all images alike. With a
    pool of N patches these are counted on over the epochs, and number *v* is patch *v* modulo N of the pool: the
    same place at every visit, augmented anew each time.

    Args:
        scenes: Where the images come from.
        ids: Which of them.
        size: Size of a patch in pixels, one number per axis.
        augment: The random change of each patch.
        seed: Seed of the run.
        epoch_length: Number of indices in an epoch.
        min_valid: Least share of a patch inside the field of view, see ``draw_corner``.
        foreground: Probability of a patch around a labelled pixel.
        pool: Number of places from which patches are ever cut, drawn once from the seed; None for no limit. Where a
            scene has few ``corners`` two of them can be the same.
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
    ) -> None:
        self.scenes, self.ids, self.size = scenes, list(ids), list(size)
        self.augment, self.seed, self.epoch_length = augment, seed, epoch_length
        self.min_valid, self.foreground, self.pool = min_valid, foreground, pool

    def __getitem__(self, key: Key | int) -> Sample:
        if not isinstance(key, tuple):
            raise ConfigError(
                "Training patches are asked for by (epoch, index) and not by a number: the trainer put its "
                "own sampler in place of ours; set trainer.use_distributed_sampler=false and "
                "trainer.overfit_batches=0."
            )
        epoch, index = key
        place = index if self.pool is None else (epoch * self.epoch_length + index) % self.pool
        generator = generator_for(self.seed, "patch", epoch, index)
        where = generator if self.pool is None else generator_for(self.seed, "pool", place)
        scene, scale = self.scenes[self.ids[place % len(self.ids)]]
        corner = draw_corner(scene, self.size, where, self.min_valid, self.foreground)
        patch = self.augment(self._surroundings(scene, corner), self.size, generator)
        return _sample(scene, patch, scale)

    def _surroundings(self, scene: Scene, corner: Sequence[int]) -> Patch:
        """The window around the patch from which the augmentation can fill it to its corners."""
        needed = self.augment.needs(self.size)
        outer = [c - (n - side) // 2 for c, n, side in zip(corner, needed, self.size, strict=True)]
        return window(scene, outer, needed)


class WholeImages(Dataset[Sample]):
    """Whole images at full resolution, unchanged but for their scale.

    Args:
        scenes: Where the images come from.
        ids: Which of them.
        full: Also hand out what only the test looks at, where there is any: the mask of the ``second`` observer and
            the ``instances``.
    """

    def __init__(self, scenes: SceneCache, ids: Sequence[str], full: bool = False) -> None:
        self.scenes, self.ids, self.full = scenes, list(ids), full

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> Sample:
        scene, scale = self.scenes[self.ids[index]]
        sample = _sample(scene, whole(scene), scale)
        if scene.spacing:
            sample["spacing"] = torch.tensor(scene.spacing)
        if isinstance(index, Repeated):
            sample["repeated"] = True
        if self.full:
            more = {"second": scene.second, "instances": scene.instances}
            sample |= {name: part.long() for name, part in more.items() if part is not None}
        return sample


def _sample(scene: Scene, patch: Patch, scale: Scale) -> Sample:
    # The copies own their memory: a view of a cached scene would drag the whole scene through a worker's
    # pipe.
    sample = {
        "image": scale(patch.image),
        "mask": patch.mask.long(),
        "valid": patch.valid.clone(memory_format=torch.contiguous_format),
        "id": scene.id,
    }
    if patch.weight is not None:
        sample["weight"] = patch.weight.clone(memory_format=torch.contiguous_format)
    return sample
