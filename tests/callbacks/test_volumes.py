from types import SimpleNamespace

import nibabel
import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from omegaconf import OmegaConf

from gequnet.callbacks.volumes import Volumes, predicted_mask
from gequnet.config.compose import CONF
from gequnet.data.datamodule import SegmentationDataModule
from gequnet.data.datasets.brats import Brats
from gequnet.data.datasets.msd import Msd
from gequnet.data.phantoms.phantom_tumours import PhantomTumours
from gequnet.data.source import Source
from gequnet.data.transforms.augment import Chain
from helpers.volume_makers import brain, make_brats, make_msd, volume

# Lightning advises more workers than a test of tiny volumes needs, and uses a deprecated name.
pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers.*", "ignore:.*LeafSpec.*is deprecated.*")


def module(source: Source, head: str, channels: int = 1) -> SegmentationDataModule:
    names = ["a", "b", "c"]
    return SegmentationDataModule(
        source, source.name, channels, 3, 3, names, head, False, Chain(), seed=0, batch_size=1, patch_size=8,
        patches_per_epoch=4,
    )  # fmt: skip


class Knowing(pl.LightningModule):
    """Network whose logits are large and correct."""

    test_metrics = SimpleNamespace(threshold=0.5)

    def test_step(self, batch, batch_idx):
        mask = batch["mask"]
        classes = torch.nn.functional.one_hot(mask, 3).movedim(-1, 1) if mask.dim() == 4 else mask
        return 20.0 * classes - 10


def run(callback, **data):
    settings = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    pl.Trainer(accelerator="cpu", callbacks=[callback], **settings).test(Knowing(), verbose=False, **data)


def test_what_is_right_is_the_label_file_again(tmp_path):
    folder = make_msd(tmp_path)
    data = module(Msd(tmp_path, spacing=None), "softmax")
    run(Volumes(str(tmp_path / "written"), "softmax"), datamodule=data)
    ids = data.splits["test"]
    assert sorted(path.name for path in (tmp_path / "written").iterdir()) == [f"{i}.nii.gz" for i in ids]
    for sample_id in ids:
        written = nibabel.load(tmp_path / "written" / f"{sample_id}.nii.gz")
        label = nibabel.load(folder / "labelsTr" / f"{sample_id}.nii.gz")
        np.testing.assert_array_equal(written.dataobj, label.dataobj)
        np.testing.assert_array_equal(written.affine, label.affine)


def test_regions_become_the_labels_of_brats_on_the_whole_grid(tmp_path):
    ids = [f"BraTS2021_{number:05d}" for number in range(24)]
    make_brats(tmp_path / "BraTS2021", ids)
    data = module(Brats(tmp_path), "sigmoid", channels=4)
    run(Volumes(str(tmp_path / "written"), "sigmoid"), datamodule=data)
    for sample_id in data.splits["test"]:
        written = nibabel.load(tmp_path / "written" / f"{sample_id}.nii.gz")
        np.testing.assert_array_equal(written.dataobj, brain(ids.index(sample_id))[1])
        assert nibabel.aff2axcodes(written.affine) == ("L", "P", "S")


def test_regions_are_cut_at_the_threshold():
    logits = torch.tensor([0.3, 0.7]).logit().view(1, 1, 2)
    assert [predicted_mask(logits, "sigmoid", threshold).tolist() for threshold in (0.2, 0.5, 0.8)] == [
        [[1, 1]],
        [[0, 1]],
        [[0, 0]],
    ]


def test_a_resampled_volume_goes_back_to_the_grid_of_its_file(tmp_path):
    make_msd(tmp_path)
    data = module(Msd(tmp_path, spacing=0.5), "softmax")
    run(Volumes(str(tmp_path / "written"), "softmax", images=1), datamodule=data)
    (path,) = (tmp_path / "written").iterdir()
    written = nibabel.load(path)
    assert written.shape == volume()[1].shape
    assert np.mean(np.asarray(written.dataobj) != volume()[1]) < 0.02


@pytest.mark.parametrize("images", [1, 2])
def test_only_so_many_are_written_in_each_test(tmp_path, images):
    make_msd(tmp_path)
    data = module(Msd(tmp_path), "softmax")
    callback = Volumes(str(tmp_path / "written"), "softmax", images)
    for _ in range(2):
        run(callback, datamodule=data)
        assert callback.written == len(list((tmp_path / "written").iterdir())) == images


def test_nothing_is_written_of_what_was_never_a_file(tmp_path):
    callback = Volumes(str(tmp_path / "written"), "sigmoid")
    drawn = PhantomTumours(16, 3, {"train": 1, "val": 1, "test": 1})
    run(callback, datamodule=module(drawn, "sigmoid"))
    make_msd(tmp_path)
    run(callback, dataloaders=module(Msd(tmp_path), "softmax").test_dataloader())
    assert not (tmp_path / "written").exists()


def test_one_sigmoid_is_a_mask():
    assert predicted_mask(torch.tensor([[[0.1, -0.1]]]), "sigmoid").tolist() == [[1, 0]]


def test_every_run_writes_them():
    node = OmegaConf.load(CONF / "callbacks" / "volumes.yaml").volumes
    assert node["_target_"] == "gequnet.callbacks.Volumes"
