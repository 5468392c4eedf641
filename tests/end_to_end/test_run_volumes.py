"""Whole runs on volumes from files, up to predictions in the same geometry."""

import csv
from pathlib import Path

import nibabel
import numpy as np
import pytest

from gequnet.config.compose import compose
from gequnet.experiment import run
from gequnet.runs.fingerprint import fingerprint
from helpers.slow import slow_unless
from helpers.volume_makers import make_brats, make_msd

TINY = [
    *("model=unet3d", "width=fixed", "width.widths=[3,4]", "model.depth=2"),
    *("data.patch_size=8", "data.batch_size=2", "data.patches_per_epoch=4"),
    *("trainer=cpu", "trainer.max_steps=2", "validations=1"),
    *("callbacks.predictions.images=1", "callbacks.equivariance.images=1"),
]

# What Lightning says about itself; a person who runs run.py does not see it either.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec:FutureWarning"),
]


def ran(folder: Path, *overrides: str) -> Path:
    """Run folder of a run on the data in ``folder``."""
    paths = [f"paths.data={folder}", f"paths.run={folder / 'run'}", f"paths.cache={folder / 'cache'}"]
    run(compose([*TINY, *paths, *overrides]))
    return folder / "run"


def dice_of_files(folder: Path, labels: list[Path], parts: tuple[int, ...]) -> list[float]:
    """Dice of the written predictions against the downloaded labels, voxel by voxel in the files."""
    scores = []
    for path in labels:
        preds = np.isin(nibabel.load(folder / "predictions" / path.name).dataobj, parts)
        target = np.isin(nibabel.load(path).dataobj, parts)
        scores.append(2 * (preds & target).sum() / (preds.sum() + target.sum()))
    return scores


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "per_image.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("precision", slow_unless(lambda name: name == "32-true", ["32-true", "bf16-mixed"]))
def test_the_hippocampus_from_files_to_files(precision, tmp_path):
    data = make_msd(tmp_path)
    folder = ran(tmp_path, "data=msd", f"trainer.precision={precision}")
    rows = table(folder)
    assert {row["id"] for row in rows} == {path.name[:15] for path in (folder / "predictions").iterdir()}
    labels = [data / "labelsTr" / f"{row['id']}.nii.gz" for row in rows]
    for label, name in ((1, "anterior"), (2, "posterior")):
        told = [float(row[f"dice/{name}"]) for row in rows]
        assert dice_of_files(folder, labels, (label,)) == pytest.approx(told, abs=1e-4)
    assert rows[0]["subject"].startswith("hippocampus_pair_")


def test_where_finished_volumes_are_kept_makes_no_other_run():
    kept = [fingerprint(compose([*TINY, "data=msd", f"paths.cache={folder}"])) for folder in ("here", "there", "null")]
    assert len(set(kept)) == 1
    assert fingerprint(compose([*TINY, "data=msd", "data.source.spacing=2"])) not in kept


@pytest.mark.slow
def test_the_brain_from_files_to_files(tmp_path):
    make_brats(tmp_path, [f"BraTS2021_{number:05d}" for number in range(24)])
    folder = ran(tmp_path, "data=brats", "inference=sliding", "data.num_images=5")
    assert len(list((folder / "predictions").iterdir())) == min(4, len(table(folder)))
    assert {"dice/whole", "dice/core", "dice/enhancing"} <= set(table(folder)[0])
