import logging
from collections import Counter
from dataclasses import replace

import pytest
import pytorch_lightning as pl
import torch

from gequnet.data.datasets.field_of_view import estimate_field_of_view
from gequnet.data.errors import DatasetNotFoundError, EmptySplitError, FactMismatchError
from gequnet.data.phantoms.phantom_vessels import PhantomVessels
from gequnet.data.scene import Scene, pixels
from gequnet.data.source import Source
from gequnet.errors import ConfigError
from helpers.data_modules import module, samples
from helpers.fundus_makers import make_chase, make_drive
from helpers.repository import CONF
from helpers.volume_makers import make_brats, make_msd

DATASETS = sorted(path.stem for path in (CONF / "data").glob("*.yaml"))
FOUND = ["brats", "camvid", "folder", "voc2012"]
"""Datasets whose images are what their folder holds, or lists."""


def same(one, other):
    return len(one) == len(other) and all(
        a[0] == b[0] and all(torch.equal(x, y) for x, y in zip(a[1:], b[1:], strict=True))
        for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("name", DATASETS)
def test_every_config_instantiates_without_its_data_and_says_so_at_setup(name):
    made = module(name)
    assert made.name == name
    if name not in FOUND:
        assert set(made.splits) == {"train", "val", "test"}
    if not name.startswith("phantom"):
        with pytest.raises(DatasetNotFoundError, match=r"paths\.data="):
            made.setup()


def test_batches_keep_the_contract(tmp_path):
    make_drive(tmp_path)
    made = module("drive", root=tmp_path)
    made.setup("fit")
    batch = next(iter(made.train_dataloader()))
    assert (batch["image"].shape, batch["image"].dtype) == ((4, 3, 32, 32), torch.float32)
    assert (batch["mask"].shape, batch["mask"].dtype) == ((4, 32, 32), torch.int64)
    assert (batch["valid"].shape, batch["valid"].dtype) == ((4, 32, 32), torch.bool)
    assert set(batch["id"]) <= set(made.splits["train"])
    whole = list(made.val_dataloader())
    assert [batch["id"] for batch in whole] == [[i] for i in made.splits["val"]]
    assert "second" not in whole[0]
    tested = next(iter(made.test_dataloader()))
    assert tested["image"].shape == (1, 3, 52, 44)
    assert (tested["second"].shape, tested["second"].dtype) == ((1, 52, 44), torch.int64)


@pytest.mark.parametrize("augment", ["none", "full"])
def test_training_patches_count_outside_the_field_of_view_and_whole_images_do_not(augment, tmp_path):
    make_drive(tmp_path)
    with_outside, without = (
        module("drive", augment, tmp_path, outside_weight=weight, min_valid=0.1) for weight in (0.3, 0.0)
    )
    assert module("drive", root=tmp_path).outside_weight > 0
    pairs = list(zip(*(samples(made.train_dataloader()) for made in (with_outside, without)), strict=True))
    for (_, image, mask, valid), (_, same_image, same_mask, inside) in pairs:
        assert torch.equal(image, same_image)
        assert torch.equal(mask, same_mask)
        assert (valid | ~inside).all()  # nothing is lost
    assert sum((valid & ~inside).sum() for (*_, valid), (*_, inside) in pairs) > 1000
    for batch, same in zip(with_outside.train_dataloader(), without.train_dataloader(), strict=True):
        expected = torch.where(same["valid"], 1.0, 0.3)
        torch.testing.assert_close(batch["weight"][batch["valid"]], expected[batch["valid"]])
    assert "weight" not in next(iter(without.train_dataloader()))
    for batch in (*with_outside.val_dataloader(), *with_outside.test_dataloader()):
        assert not batch["valid"][0, 0].any()  # above the disc


def test_test_images_of_a_fundus_come_with_the_estimated_field_of_view(tmp_path):
    make_drive(tmp_path)
    make_chase(tmp_path)
    for name in ("drive", "chase"):
        made = module(name, root=tmp_path)
        batch = next(iter(made.test_dataloader()))
        expected = estimate_field_of_view(made.source.load(batch["id"][0]).image)
        assert torch.equal(batch["field"][0], expected)
        assert "field" not in next(iter(made.val_dataloader()))
    assert "field" not in next(iter(module().test_dataloader()))


def test_volumes_keep_the_contract_where_they_are_smaller_than_a_patch(tmp_path):
    make_msd(tmp_path)
    made = module("msd", root=tmp_path, patch_size=[16, 8, 16])
    made.setup("fit")
    batch = next(iter(made.train_dataloader()))
    assert batch["image"].shape == (4, 1, 16, 8, 16)
    assert (batch["mask"].shape, batch["mask"].dtype) == ((4, 16, 8, 16), torch.int64)
    assert batch["valid"].flatten(1).sum(1).tolist() == [9 * 8 * 8] * 4  # all of the volume but for one axis
    for batch in (*made.val_dataloader(), *made.test_dataloader()):
        assert batch["image"].shape == (1, 1, 9, 11, 8)
        assert torch.equal(batch["spacing"], torch.ones(1, 3))
        assert batch["image"].mean().abs() < 1e-4


def test_regions_keep_the_contract(tmp_path):
    make_brats(tmp_path, [f"BraTS2021_{number:05d}" for number in range(24)])
    made = module("brats", root=tmp_path, patch_size=8)
    made.setup("fit")
    batch = next(iter(made.train_dataloader()))
    assert batch["image"].shape == (4, 4, 8, 8, 8)
    assert (batch["mask"].shape, batch["mask"].dtype) == ((4, 3, 8, 8, 8), torch.int64)
    whole, core, enhancing = batch["mask"].transpose(0, 1)
    assert (whole >= core).all()
    assert (core >= enhancing).all()
    assert enhancing.any()
    assert next(iter(made.test_dataloader()))["mask"].shape == (1, 3, 5, 7, 6)


def test_a_split_without_images_is_refused(tmp_path):
    make_brats(tmp_path, ["BraTS2021_00006"])
    with pytest.raises(EmptySplitError, match=r"the split val has no image \(the other splits have 1\)"):
        module("brats", root=tmp_path).setup()


def test_a_test_asks_for_images_to_test_alone(tmp_path):
    """The training images are checked when a training starts."""
    make_brats(tmp_path, ["BraTS2021_00006"])
    made = module("brats", root=tmp_path)
    made.test_ids = [sample_id for ids in made.splits.values() for sample_id in ids]
    made.setup("test")
    assert [batch["id"] for batch in made.test_dataloader()] == [["BraTS2021_00006"]]
    with pytest.raises(EmptySplitError):
        made.setup("fit")


@pytest.mark.parametrize("augment", ["none", "full"])
def test_samples_are_the_same_for_any_number_of_workers_and_batch_size(augment):
    alone = samples(module(augment=augment).train_dataloader())
    assert same(alone, samples(module(augment=augment, num_workers=2).train_dataloader()))
    assert same(alone, samples(module(augment=augment, batch_size=3).train_dataloader()))


def test_samples_change_with_seed_and_epoch_and_not_with_the_global_generator():
    first = samples(module().train_dataloader())
    torch.manual_seed(7)
    assert same(first, samples(module().train_dataloader()))
    assert not same(first, samples(module(seed=1).train_dataloader()))
    later = module().train_dataloader()
    later.sampler.set_epoch(1)
    assert not same(first, samples(later))


@pytest.mark.parametrize("pool", [5, 20])  # less than an epoch of twelve, and more
def test_a_pool_has_so_many_places_over_the_epochs(pool):
    made = module(augment="none", num_patches=pool)
    loader = made.train_dataloader()
    visits = Counter()
    for epoch in range(5):
        loader.sampler.set_epoch(epoch)
        visits.update(tuple(image.flatten().tolist()) for _, image, _, _ in samples(loader))
    assert set(visits.values()) == {60 // pool}


def test_training_uses_all_images_alike():
    ids = [sample[0] for sample in samples(module().train_dataloader())]
    assert {i: ids.count(i) for i in set(ids)} == {"train-000": 4, "train-001": 4, "train-002": 4}


def test_fewer_training_images_are_some_of_more_whatever_the_seed_of_the_run():
    whole, two, one = (module(num_images=n, seed=n or 0) for n in (None, 2, 1))
    assert whole.training_ids == whole.splits["train"]
    assert set(one.training_ids) < set(two.training_ids) < set(whole.training_ids)
    assert {sample[0] for sample in samples(two.train_dataloader())} == set(two.training_ids)
    assert {module(num_images=1, subset_seed=seed).training_ids[0] for seed in range(9)} == set(whole.training_ids)
    assert one.split_hash == whole.split_hash


@pytest.mark.parametrize("number", [0, 4])
def test_more_training_images_than_there_are_is_refused(number):
    with pytest.raises(ConfigError, match=f"num_images={number} cannot be taken from the 3 training images"):
        module(num_images=number).setup()


class Measured(PhantomVessels):
    """Phantoms with pixels of 0.5 by 2 mm."""

    def load(self, sample_id):
        return replace(super().load(sample_id), spacing=(0.5, 2.0))


def test_whole_images_say_how_large_a_pixel_is_where_it_is_known():
    made = module()
    assert all("spacing" not in batch for batch in (*made.val_dataloader(), *made.test_dataloader()))
    known = Measured(48, {"train": 3, "val": 2, "test": 2})
    for batch in made.test_dataloader_of(known):
        assert torch.equal(batch["spacing"], torch.tensor([[0.5, 2.0]]))
        assert batch["spacing"].dtype == torch.float32


@pytest.mark.parametrize("how", ["full", "instance"])
def test_another_source_is_tested_on_this_ones_scale(how):
    made = module(normalisation=how)
    for ours, others in zip(made.test_dataloader(), made.test_dataloader_of(Brighter(made.source)), strict=True):
        assert ours["id"] == others["id"]
        if how == "full":
            assert not torch.allclose(ours["image"], others["image"], atol=0.1)
        else:
            torch.testing.assert_close(ours["image"], others["image"], rtol=1e-4, atol=1e-4)


def test_a_full_scale_is_that_of_the_images_that_are_trained_on():
    made = module(normalisation="full", num_images=2)
    stacked = torch.stack([made.source.load(sample_id).image for sample_id in made.training_ids])
    wanted = (stacked - stacked.mean()) / stacked.std(correction=0)
    for sample_id, image in zip(made.training_ids, wanted, strict=True):
        scene, scale = made.scenes[sample_id]
        torch.testing.assert_close(scale(scene.image), image, rtol=1e-4, atol=1e-4)


def test_an_unknown_normalisation_is_refused_with_those_that_there_are():
    made = module()
    made.normalisation = "image"  # in tests the type annotation refuses it already
    with pytest.raises(ConfigError, match="no data.normalisation=image;.* instance, instance_nonzero, full"):
        made._check_arguments()


def test_split_hash_changes_with_the_split_only(tmp_path):
    make_chase(tmp_path, 10)
    subset, all_of_it = module("chase", root=tmp_path), module("chase")
    assert subset.split_hash != all_of_it.split_hash
    assert subset.split_hash == module("chase", root=tmp_path, seed=3, batch_size=2).split_hash
    assert len(subset.split_hash) == 64


def test_other_labels_are_a_warning_and_are_recorded(tmp_path, caplog):
    make_drive(tmp_path)
    made = module("drive", root=tmp_path)
    with caplog.at_level(logging.WARNING, logger="gequnet"):
        made.setup()
    assert len(made.labels_differ) == 40
    assert "26_training and of 35 more images" in caplog.text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"in_channels": 3}, "in_channels=3 but the first sample has 1"),
        ({"spatial_dims": 3}, "spatial_dims=3 but the first sample has 2"),
    ],
)
def test_untrue_facts_are_refused(changes, words):
    with pytest.raises(FactMismatchError, match=words):
        module(**changes).setup()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"batch_size": 100}, "is less than one batch"),
        ({"batch_size": 0}, "is less than one batch"),
        ({"patch_size": [32]}, "patch_size"),
        ({"patch_size": 0}, "patch_size"),
        ({"class_names": ["a", "b"]}, "names 2 classes"),
        ({"num_patches": 0}, "num_patches"),
    ],
)
def test_arguments_that_contradict_each_other_are_refused(changes, words):
    with pytest.raises(ConfigError, match=words):
        module(**changes)


class Brighter(Source):
    """View of a source with brighter images."""

    def __init__(self, source):
        self.source, self.name = source, source.name

    def ids(self, split):
        return self.source.ids(split)

    def load(self, sample_id):
        scene = self.source.load(sample_id)
        return replace(scene, image=3 * pixels(scene.image) + 1)

    def check(self):
        pass


class Labelled(Source):
    """Source with one given image in every split."""

    name = "labelled"

    def __init__(self, mask):
        self.mask = mask

    def ids(self, split):
        return [split]

    def load(self, sample_id):
        return Scene(sample_id, torch.rand(1, 40, 40), self.mask, torch.ones(40, 40, dtype=torch.bool))

    def check(self):
        pass


def test_more_classes_than_logits_are_refused():
    made = module()
    made.scenes.source = made.source = Labelled(torch.full((40, 40), 2, dtype=torch.uint8))
    made.splits = {split: made.source.ids(split) for split in ("train", "val", "test")}
    with pytest.raises(FactMismatchError, match="num_classes=1 but the first sample has 3"):
        made.setup()


def test_regions_need_sigmoids():
    made = module(num_classes=2, class_names=["a", "b"], head="softmax")
    made.scenes.source = made.source = Labelled(torch.ones(2, 40, 40, dtype=torch.uint8))
    made.splits = {split: made.source.ids(split) for split in ("train", "val", "test")}
    with pytest.raises(FactMismatchError, match="head=softmax but the first sample has sigmoid"):
        made.setup()


def test_a_foreign_sampler_is_refused_with_the_remedy():
    with pytest.raises(ConfigError, match="use_distributed_sampler=false"):
        _ = module().train_dataloader().dataset[3]


class Recorder(pl.LightningModule):
    """Module without training that records the batches."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.seen = []

    def training_step(self, batch, _):
        self.seen.append(batch["image"].sum().item())
        return self.weight * batch["image"].mean()

    def validation_step(self, batch, _):
        assert batch["image"].shape[0] == 1

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fitted(folder, steps, checkpoint=None, workers=0):
    trainer = pl.Trainer(
        max_steps=steps,
        max_epochs=-1,
        default_root_dir=folder,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[pl.callbacks.ModelCheckpoint(folder, every_n_train_steps=1, save_top_k=-1, filename="{step}")],
    )
    recorder = Recorder()
    trainer.fit(recorder, datamodule=module(num_workers=workers), ckpt_path=checkpoint)
    return recorder.seen


# Lightning advises more workers than a test of three batches needs, and its own checkpoint code uses a deprecated name.
@pytest.mark.filterwarnings("ignore:.*does not have many workers.*", "ignore:.*LeafSpec.*is deprecated.*")
@pytest.mark.filterwarnings("ignore:.*Checkpoint directory .* exists and is not empty.*")
@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("stop", [2, 3, 4])  # within an epoch of three batches, at its end, in the next
def test_lightning_resumes_with_the_batch_after_the_last_consumed(tmp_path, stop, workers):
    through = fitted(tmp_path / "through", 8, workers=workers)
    first = fitted(tmp_path / "broken", stop, workers=workers)
    rest = fitted(tmp_path / "broken", 8, tmp_path / "broken" / f"step={stop}.ckpt", workers)
    assert len(through) == 8
    assert first + rest == through
