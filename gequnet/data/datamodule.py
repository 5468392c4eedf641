"""Lightning data module: loaders of training patches, validation images and test images of one dataset."""

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from gequnet.data.class_occurrence import Occurrence, occurrence
from gequnet.data.dataset import PatchDataset, Sample, SceneCache, WholeImages
from gequnet.data.errors import EmptyFoldError, EmptySplitError, FactMismatchError
from gequnet.data.sampler import EpochSampler, RankSampler, ResumableLoader, generator_for
from gequnet.data.scene import Scene
from gequnet.data.source import SPLITS, Source, Split
from gequnet.data.transforms.augment import Augmentation
from gequnet.data.transforms.normalise import NORMALISATIONS, Normalisation, Scale, intensity_scale, pooled_scale
from gequnet.errors import ConfigError, unknown_choice
from gequnet.ranges import Count, Natural, Nonnegative, Share

log = logging.getLogger(__name__)
Row = dict[str, Any]
NAMED = 5  # images that a warning names; it counts the others


class SegmentationDataModule(pl.LightningDataModule):
    """Random patches of the training images; whole images, one at a time, for validation and test.

    A training patch is a function of (seed, epoch, index) alone. It does not depend on the number of workers, the
    number of ranks or the batch size. A resumed run starts with the first batch that was not consumed. On several
    devices the trainer must keep our samplers (``use_distributed_sampler=False``).

    Args:
        source: The dataset.
        name: Name of the dataset in folders and tables.
        in_channels: Channels of an image.
        num_classes: Number of logits K; 1 for one class against the background.
        spatial_dims: 2 for images, 3 for volumes.
        class_names: One name per logit.
        head: ``sigmoid`` for K = 1 or for overlapping regions, ``softmax`` for K >= 2 exclusive classes.
        fov: True if ``valid`` is a field of view; scores are then also reported over the whole image.
        augment: Augmentation of the training patches.
        seed: Seed of patches, order and augmentation.
        batch_size: Patches per step and device.
        patch_size: Side of a training patch in pixels, or one number per axis.
        patches_per_epoch: Patches in an epoch, over all devices.
        num_workers: Worker processes for the training patches, 0 for none.
        normalisation: ``instance``, ``instance_nonzero``, ``range`` or ``none`` for each image by itself, see
            ``intensity_scale``; ``full`` or ``full_nonzero`` for all images alike, by mean and standard deviation of
            the training images.
        min_valid: Minimum share of a training patch inside the field of view.
        foreground: Probability of a training patch around a labelled pixel.
        num_patches: Number of fixed places to train on, for studies of data efficiency; None for no limit.
        num_images: Number of images to train on, for studies of data efficiency; None for all. Subsets are nested: each
            is the start of one fixed random order.
        subset_seed: Seed of that order. It does not depend on the seed of the run.
        instances: True if each object has its own label; the test then also scores objects.
        flip_axes: Axes that augmentations may mirror because a mirror image is as likely as the image; None for all.
        weights: Function that returns the weight of each pixel in the loss of training and validation images, such as
            ``BorderWeights``; None for equal weights. Test images have no weights.
        outside_weight: Weight in the loss of the pixels of a training patch outside the field of view, where a
            photograph is dark and has no foreground: above 0, the network predicts whole photographs. A loss that takes
            no weights of pixels counts them fully.
        view: Function that returns another source made of ``source``, such as ``OrientationShift``; None for none.

    Raises:
        ConfigError: If arguments contradict each other.
    """

    def __init__(
        self,
        source: Source,
        name: str,
        in_channels: Count,
        num_classes: Count,
        spatial_dims: Literal[2, 3],
        class_names: Sequence[str],
        head: Literal["sigmoid", "softmax"],
        fov: bool,
        augment: Augmentation,
        seed: int,
        batch_size: Count,
        patch_size: Count | Sequence[Count],
        patches_per_epoch: Count,
        num_workers: Natural = 0,
        normalisation: Normalisation = "instance",
        min_valid: Share = 0.5,
        foreground: Share = 0.0,
        num_patches: Count | None = None,
        num_images: Count | None = None,
        subset_seed: int = 0,
        instances: bool = False,
        flip_axes: Sequence[int] | None = None,
        weights: Callable[[Scene], Tensor] | None = None,
        view: Callable[[Source], Source] | None = None,
        outside_weight: Nonnegative = 0.0,
    ) -> None:
        super().__init__()
        source = source if view is None else view(source)
        self.source, self.name, self.augment, self.seed = source, name, augment, seed
        self.in_channels, self.num_classes, self.spatial_dims = in_channels, num_classes, spatial_dims
        self.class_names, self.head, self.fov, self.instances = list(class_names), head, fov, instances
        self.batch_size, self.num_workers, self.patches_per_epoch = batch_size, num_workers, patches_per_epoch
        self.patch_size = [patch_size] * spatial_dims if isinstance(patch_size, int) else list(patch_size)
        self.flip_axes = None if flip_axes is None else list(flip_axes)
        self.min_valid, self.foreground, self.num_patches = min_valid, foreground, num_patches
        self.num_images, self.subset_seed, self.normalisation = num_images, subset_seed, normalisation
        self.weights, self.outside_weight = weights, outside_weight
        self.scenes = SceneCache(source, self._scale_of, self._weight_of)
        self.labels_differ: list[str] = []
        self._checked: set[str | None] = set()
        self._check_arguments()

    @cached_property
    def splits(self) -> dict[Split, list[str]]:
        """The ids of each split. They are computed at first use, since a view may have to read the labels first."""
        return {split: self.source.ids(split) for split in SPLITS}

    @cached_property
    def training_ids(self) -> list[str]:
        """The ids of the training images: all of the split, or ``num_images`` of them."""
        ids = self.splits["train"]
        if self.num_images is None:
            return ids
        if not 1 <= self.num_images <= len(ids):
            raise ConfigError(
                f"data.num_images={self.num_images} cannot be taken from the {len(ids)} training images of "
                f"{self.name}: give 1 to {len(ids)}, or null for all."
            )
        order = torch.randperm(len(ids), generator=generator_for(self.subset_seed, "subset"))
        return [ids[place] for place in sorted(order[: self.num_images].tolist())]

    @cached_property
    def test_ids(self) -> list[str]:
        """The ids of the test images: those of the split, unless they were set before the first use.

        They are set where a whole dataset is tested that was not trained on.
        """
        return self.splits["test"]

    @property
    def foreground_classes(self) -> list[str]:
        """The names of all classes but the background, which is the first of a softmax."""
        return self.class_names[1:] if self.head == "softmax" else self.class_names

    @cached_property
    def absent_in_validation(self) -> list[str]:
        """The foreground classes that occur in no validation image; no score tells how well they are predicted."""
        return self._occurrence(self.splits["val"]).absent

    @cached_property
    def training_occurrence(self) -> Occurrence:
        """The foreground classes that no training image has, and those that fill all of them."""
        return self._occurrence(self.training_ids)

    def _occurrence(self, ids: Sequence[str]) -> Occurrence:
        """Images are read until the answer is known, and stay in the cache."""
        scenes = (self.scenes[sample_id][0] for sample_id in ids)
        return occurrence(scenes, self.foreground_classes)

    def in_order(self, rows: Iterable[Row]) -> list[Row]:
        """Rows about test images, sorted in the order of ``test_ids``; processes may give them in any order."""
        place = {name: number for number, name in enumerate(self.test_ids)}
        return sorted(rows, key=lambda row: place[row["id"]])

    @property
    def split_hash(self) -> str:
        """SHA-256 of the ids of each split. Equal hashes mean the same training and test images.

        In a cross-validation it is the hash of the folds. Equal hashes mean folds of the same cross-validation.
        """
        divided = self.source.folding() or self.splits
        return hashlib.sha256(json.dumps(divided, sort_keys=True).encode()).hexdigest()

    def setup(self, stage: str | None = None) -> None:
        """Check that the data is complete and that the configuration is true of it.

        Args:
            stage: With ``test`` only the test split must have images, else each split.

        Raises:
            DataError: If something is missing, unreadable, of the wrong size or different from the configuration.
        """
        if self._checked & {"all", stage}:
            return
        needed = {"test": self.test_ids} if stage == "test" else self.splits
        self.source.check()
        for split, ids in needed.items():
            if not ids:
                raise self._empty(split)
        scene, _ = self.scenes[self.test_ids[0] if stage == "test" else self.training_ids[0]]
        self.check_facts(scene)
        self.labels_differ = self.source.labels_differ()
        if self.labels_differ:
            shown, more = ", ".join(self.labels_differ[:NAMED]), len(self.labels_differ) - NAMED
            log.warning(
                "%s: the labels of %s differ from those that the split was made for; scores may not be comparable.",
                self.name,
                shown + (f" and of {more} more images" if more > 0 else ""),
            )
        self._checked.add("test" if stage == "test" else "all")

    def _empty(self, split: str) -> EmptySplitError:
        images = sum(map(len, self.splits.values()))
        if self.source.folding() is None:
            return EmptySplitError(self.source.name, split, images)
        return EmptyFoldError(self.source.name, split, images, getattr(self.source, "fold", None))

    def train_dataloader(self) -> ResumableLoader:
        """Loader of batches of random patches."""
        ids = self.training_ids
        if self.num_workers > 0:
            # Images that are decoded before the workers are forked are shared by all of them.
            for sample_id in ids:
                _ = self.scenes[sample_id]
        patches = PatchDataset(
            self.scenes,
            ids,
            self.patch_size,
            self.augment,
            self.seed,
            self.patches_per_epoch,
            self.min_valid,
            self.foreground,
            self.num_patches,
            self.outside_weight,
        )
        return ResumableLoader(
            patches, EpochSampler(self.patches_per_epoch, self.batch_size, self.seed), self.num_workers
        )

    def val_dataloader(self) -> DataLoader[Sample]:
        """Loader of the whole validation images, one per batch."""
        images = WholeImages(self.scenes, self.splits["val"])
        return DataLoader(images, batch_size=1, sampler=RankSampler(images))

    def test_dataloader(self) -> DataLoader[Sample]:
        """Loader of the whole test images, one per batch, with second mask and instances if there are any."""
        return self._whole_test_images(self.scenes)

    def test_dataloader_of(self, source: Source) -> DataLoader[Sample]:
        """Loader of the test images of another source, such as magnified ones, normalised by this module's rule.

        Args:
            source: Source with the same ids, see ``views.rescaled.at_scale``.
        """
        return self._whole_test_images(SceneCache(source, self._scale_of))

    def _whole_test_images(self, scenes: SceneCache) -> DataLoader[Sample]:
        images = WholeImages(scenes, self.test_ids, full=True, fov=self.fov)
        return DataLoader(images, batch_size=1, sampler=RankSampler(images))

    def _scale_of(self, scene: Scene) -> Scale:
        """The intensity scale of a whole scene of any source, by this module's rule."""
        return self.fixed_scale or intensity_scale(scene, self.normalisation)

    def _weight_of(self, scene: Scene) -> Tensor | None:
        """The weights of a scene in the loss; None for a test image."""
        return None if self.weights is None or scene.id in self.test_ids else self.weights(scene)

    @cached_property
    def fixed_scale(self) -> Scale | None:
        """The common scale of all images, from the training images; None if each image has its own.

        It can be set before the first use, for example to that of another run.
        """
        if self.normalisation not in ("full", "full_nonzero"):
            return None
        whole = (self.source.load(sample_id) for sample_id in self.training_ids)
        return pooled_scale(whole, nonzero=self.normalisation == "full_nonzero")

    def _check_arguments(self) -> None:
        if self.batch_size < 1 or self.patches_per_epoch < self.batch_size:
            raise ConfigError(
                f"data.patches_per_epoch={self.patches_per_epoch} is less than one batch of "
                f"data.batch_size={self.batch_size}: give at least one batch of at least one patch."
            )
        if len(self.patch_size) != self.spatial_dims or min(self.patch_size) < 1:
            raise ConfigError(
                f"data.patch_size={self.patch_size} is not the size of a patch with {self.spatial_dims} axes: "
                "give one positive number, or one per axis."
            )
        if len(self.class_names) != self.num_classes:
            raise ConfigError(
                f"data.class_names names {len(self.class_names)} classes and "
                f"data.num_classes={self.num_classes}: give one name per logit."
            )
        if self.normalisation not in NORMALISATIONS:
            raise ConfigError(unknown_choice("data.normalisation", self.normalisation, list(NORMALISATIONS)))
        if self.num_patches is not None and self.num_patches < 1:
            raise ConfigError(
                f"data.num_patches={self.num_patches} leaves nothing to train on: give null for no limit."
            )

    def check_facts(self, scene: Scene) -> None:
        """Check that the configuration is true of an image.

        Raises:
            FactMismatchError: If it is not.
            ConfigError: If a view fixes the places of training patches and ``foreground`` chooses others.
        """
        facts: list[tuple[str, object, object]] = [
            ("spatial_dims", self.spatial_dims, len(scene.space)),
            ("in_channels", self.in_channels, len(scene.image)),
            ("instances", self.instances, scene.instances is not None),
        ]
        regions = scene.mask.dim() > len(scene.space)
        if regions:
            facts += [("num_classes", self.num_classes, len(scene.mask)), ("head", self.head, "sigmoid")]
        for fact, written, found in facts:
            if written != found:
                raise FactMismatchError(self.source.name, fact, written, found)
        classes = 2 if regions else max(2, self.num_classes)
        highest = int(scene.mask.max())
        if highest >= classes:
            raise FactMismatchError(self.source.name, "num_classes", self.num_classes, highest + 1)
        if scene.corners is not None and self.foreground > 0:
            raise ConfigError(
                f"data.foreground={self.foreground} chooses places of training patches, and data.view has chosen them "
                "already: leave one of the two out."
            )
