"""Verification of every dataset: verdicts, and the problems of every image."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gequnet.config.build import build
from gequnet.config.compose import compose, resolve
from gequnet.config.explain import choices
from gequnet.data.__main__ import main
from gequnet.data.download.catalogue import CATALOGUE
from gequnet.data.download.verify import Verification, verify
from gequnet.data.source import Source
from helpers.fundus_makers import (
    make_chase,
    make_drive,
    make_hrf,
    make_prime_fp20,
    make_stare,
    photograph,
    save,
    vessels,
)
from helpers.membrane_makers import make_isbi2012
from helpers.nuclei_makers import make_dsb2018
from helpers.slow import slow_unless
from helpers.volume_makers import HIPPOCAMPUS, make_brats, make_msd

BRATS = [f"BraTS20_Training_{number:03d}" for number in range(1, 21)]  # some of them in every split
MAKERS = {
    "drive": make_drive,
    "chase": make_chase,
    "stare": make_stare,
    "hrf": make_hrf,
    "prime_fp20": make_prime_fp20,
}


def found(name: str, root: Path, *overrides: str, size: tuple[int, ...] = ()) -> Verification:
    typed = [f"data={name}", f"paths.data={root}", "paths.run=.", "paths.cache=null", *overrides]
    return verify(build(resolve(compose(typed)).data), size)


def sentences(result: Verification) -> str:
    return "\n".join(problem.sentence for problem in result.problems)


@pytest.mark.parametrize("name", MAKERS)
def test_photographs_that_are_all_there(tmp_path, name):
    MAKERS[name](tmp_path)
    result = found(name, tmp_path)
    assert (result.verdict, result.problems, result.refusal) == ("complete", [], "")
    assert result.good == result.expected
    assert sum(result.sizes.values()) == sum(result.expected.values())
    assert 0.01 < result.labels["vessel"] < 0.2


def test_volumes_of_a_part(tmp_path):
    make_msd(tmp_path)
    result = found("msd", tmp_path)
    assert (result.verdict, result.refusal) == ("partial", "")
    assert sum(result.good.values()) == len(HIPPOCAMPUS)
    assert result.left_out == ["dataset.json lists 40 volumes; as distributed Task04_Hippocampus has 260 with labels."]
    assert "16 of 40 images" in result.notes[0]  # synthetic labels differ from the real ones in the split
    assert sum(result.labels.values()) == pytest.approx(1, abs=1e-4)
    assert not list(tmp_path.glob("*cache*"))


def test_subjects_of_a_part(tmp_path):
    make_brats(tmp_path / "BraTS2020", BRATS)
    result = found("brats", tmp_path)
    assert (result.verdict, result.left_out) == ("partial", ["20 of the 369 subjects of BraTS 2020 are there."])
    assert result.labels["whole"] > result.labels["core"] > result.labels["enhancing"] > 0


@pytest.mark.parametrize("packed", [True, False])
def test_nuclei_of_a_part(tmp_path, packed):
    make_dsb2018(tmp_path, packed=packed)
    result = found("dsb2018", tmp_path)
    assert result.verdict == "partial"
    assert "167 of 664" in result.left_out[0]
    assert sum(result.sizes.values()) == 167


def test_children_of_a_part(tmp_path):
    make_chase(tmp_path, children=10)
    result = found("chase", tmp_path)
    assert (result.verdict, result.refusal, result.good["test"]) == ("partial", "", 6)
    assert "Children 11 to 14" in result.left_out[0]


def test_a_pool_of_which_a_part_is_there(tmp_path):
    make_stare(tmp_path)
    (make_hrf(tmp_path) / "manual1" / "03_g.tif").unlink()
    result = found("retina", tmp_path)
    assert result.verdict == "partial"
    assert result.left_out == ["The pool is without drive, chase, prime_fp20."]
    assert [problem.id for problem in result.problems] == ["hrf/03_g"]
    assert "03_g has no mask" in result.refusal


def test_everything_that_is_missing_is_said(tmp_path):
    """For a partial copy: the rest of each split, and the error of a training."""
    folder = make_drive(tmp_path)
    (folder / "test" / "2nd_manual" / "03_manual2.gif").unlink()
    (folder / "training" / "images" / "21_training.tif").unlink()
    (folder / "training" / "1st_manual" / "21_manual1.gif").unlink()
    (folder / "training" / "mask" / "25_training_mask.gif").unlink()
    result = found("drive", tmp_path)
    assert result.verdict == "partial"
    assert result.good == {"train": 15, "val": 3, "test": 19}
    assert {(problem.id, problem.kind) for problem in result.problems} == {
        ("21_training", "missing"),
        ("25_training", "missing"),
        ("03_test", "missing"),
    }
    assert len(result.problems) == 4
    for path in ("21_training.tif", "21_manual1.gif", "25_training_mask.gif", "03_manual2.gif"):
        assert str(folder) in sentences(result)
        assert path in sentences(result)
    assert "21_training" in result.refusal
    # Labels are compared although the training is refused.
    assert re.search("37 of 37 images .* have other labels", result.notes[0])


def test_everything_that_is_damaged_is_said(tmp_path):
    folder = make_drive(tmp_path)
    image = folder / "training" / "images" / "22_training.tif"
    image.write_bytes(image.read_bytes()[:1000])
    save(folder / "test" / "1st_manual" / "05_manual1.gif", np.arange(44 * 52, dtype=np.uint8).reshape(52, 44))
    save(folder / "test" / "images" / "06_test.tif", photograph(6, 50, 44))
    result = found("drive", tmp_path)
    assert result.verdict == "broken"
    assert {problem.id for problem in result.problems if problem.kind == "damaged"} == {
        "22_training",
        "05_test",
        "06_test",
    }
    assert result.good == {"train": 15, "val": 4, "test": 18}
    assert "fetch the original file" in sentences(result)


def test_an_image_that_only_decoding_shows_to_be_damaged(tmp_path):
    """The header is intact, so a training would start and fail later."""
    folder = make_stare(tmp_path, packed=False)
    image = folder / "stare-images" / "im0319.ppm"
    image.write_bytes(image.read_bytes()[:2000])
    result = found("stare", tmp_path)
    assert (result.verdict, [problem.id for problem in result.problems]) == ("broken", ["im0319"])
    assert "im0319.ppm cannot be read" in sentences(result)


def test_a_volume_that_is_damaged_and_one_that_is_missing(tmp_path):
    folder = make_msd(tmp_path)
    image = folder / "imagesTr" / f"{HIPPOCAMPUS[3]}.nii.gz"
    image.write_bytes(image.read_bytes()[:-200])
    (folder / "labelsTr" / f"{HIPPOCAMPUS[7]}.nii.gz").unlink()
    result = found("msd", tmp_path)
    assert result.verdict == "broken"
    assert {(problem.id, problem.kind) for problem in result.problems} == {
        (HIPPOCAMPUS[3], "damaged"),
        (HIPPOCAMPUS[7], "missing"),
    }


def test_a_modality_that_is_missing(tmp_path):
    folder = make_brats(tmp_path / "BraTS2020", BRATS)
    (folder / BRATS[2] / f"{BRATS[2]}_t1ce.nii.gz").unlink()
    result = found("brats", tmp_path)
    assert (result.verdict, [problem.kind for problem in result.problems]) == ("partial", ["missing"])
    assert "has no t1ce" in sentences(result)


def test_a_split_without_an_image(tmp_path):
    make_brats(tmp_path / "BraTS2020", BRATS[2:3])  # a folder that can be trained on
    result = found("brats", tmp_path)
    assert (result.verdict, result.good) == ("partial", {"train": 1, "val": 0, "test": 0})
    assert "the split val has no image" in result.refusal


FROM_FILES = [name for name in choices()["data"] if not name.startswith("phantom")]


@pytest.mark.parametrize("name", slow_unless({"chase", "folder", "msd", "voc2012"}.__contains__, FROM_FILES))
def test_nothing_is_there_of_any_dataset(tmp_path, name):
    """Every dataset of conf/data is verified, and is in the catalogue or is the user's own."""
    result = found(name, tmp_path)
    assert (result.verdict, [problem.kind for problem in result.problems]) == ("broken", ["missing"])
    assert str(tmp_path) in sentences(result)
    assert name in {*CATALOGUE, "msd", "folder"}


def test_a_fact_that_is_not_true(tmp_path):
    make_msd(tmp_path)
    result = found("msd", tmp_path, "data.class_names=[background,front,back]")
    assert result.verdict == "broken"
    assert "class_names=[background,anterior,posterior]" in sentences(result)


def test_images_of_ones_own(tmp_path):
    for number in range(10):
        save(tmp_path / "images" / f"house_{number}.jpg", photograph(number))
        save(tmp_path / "masks" / f"house_{number}.png", vessels(number))
    result = found("folder", tmp_path)
    assert (result.verdict, sum(result.good.values())) == ("complete", 10)
    (tmp_path / "masks" / "house_3.png").unlink()
    (tmp_path / "masks" / "house_4.png").write_bytes(b"")
    result = found("folder", tmp_path)
    assert {(problem.id, problem.kind) for problem in result.problems} == {
        ("house_3", "missing"),
        ("house_4", "damaged"),
    }


def test_a_volume_that_ends_too_early(tmp_path):
    make_isbi2012(tmp_path, masks=28)
    result = found("isbi2012", tmp_path)
    assert (result.verdict, sum(result.good.values())) == ("partial", 28)
    assert [problem.id for problem in result.problems] == ["slice_29", "slice_30"]


def test_images_that_were_resized(tmp_path):
    make_stare(tmp_path)
    save(tmp_path / "STARE" / "stare-images" / "im0001.ppm.gz", photograph(1, 26, 22))
    for part in ("ah", "vk"):
        save(tmp_path / "STARE" / f"labels-{part}" / f"im0001.{part}.ppm.gz", photograph(1, 26, 22)[..., 0] > 150)
    result = found("stare", tmp_path, size=(52, 44))
    assert result.verdict == "complete"
    assert result.sizes == {"52x44": 19, "26x22": 1}
    assert "1 of 20 images do not have the original 52x44 pixels" in result.notes[0]


def test_labels_without_a_pixel(tmp_path):
    folder = make_stare(tmp_path, packed=False)
    for path in (folder / "labels-ah").iterdir():
        Image.new("L", (44, 52)).save(path)
    assert "No pixel of any image is labelled vessel." in found("stare", tmp_path).notes


def test_a_source_of_which_nothing_more_is_known(tmp_path):
    """Defaults of a new source: each image is loaded, and its problems are reported."""
    assert found("phantom_vessels", tmp_path, "data.source.num_images={train:2,val:1,test:1}").verdict == "complete"


def test_a_source_that_stumbles(tmp_path, monkeypatch):
    from gequnet.data.datasets.stare import Stare

    make_stare(tmp_path)
    monkeypatch.setattr(Stare, "missing", Source.missing)
    monkeypatch.setattr(Stare, "check", lambda self: None)
    (tmp_path / "STARE" / "labels-ah" / "im0001.ah.ppm.gz").unlink()
    result = found("stare", tmp_path)
    assert [(problem.id, problem.kind) for problem in result.problems] == [("im0001", "missing")]


def test_the_command_for_people(tmp_path, capsys):
    folder = make_drive(tmp_path)
    (folder / "test" / "images" / "03_test.tif").unlink()
    assert main(["verify", "drive", "--root", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "drive is partial"
    assert next(line.split() for line in lines if "test" in line) == ["test", "20", "19", "1", "0"]
    assert any("A training would not start" in line and "03_test.tif" in line for line in lines)
    assert any("39 of 39 images do not have the original 584x565 pixels" in line for line in lines)


def test_the_command_for_machines(tmp_path, capsys):
    folder = make_drive(tmp_path)
    (folder / "test" / "images" / "03_test.tif").write_bytes(b"")
    assert main(["verify", "drive", f"paths.data={tmp_path}", "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["verdict"] == "broken"
    assert said["problems"][0]["id"] == "03_test"


def test_many_problems_are_cut_short(tmp_path, capsys):
    folder = make_drive(tmp_path)
    for path in (folder / "training" / "mask").iterdir():
        path.unlink()
    for path in (folder / "test" / "2nd_manual").iterdir():
        path.unlink()
    main(["verify", "drive", "--root", str(tmp_path)])
    assert "20 more; --all prints them" in capsys.readouterr().out
    main(["verify", "drive", "--root", str(tmp_path), "--all"])
    assert capsys.readouterr().out.count("complete the download") == 40


def test_volumes_of_the_user_in_the_layout_of_the_decathlon(tmp_path, capsys):
    make_msd(tmp_path).rename(tmp_path / "Task99_Mine")
    assert main(["verify", "msd", "data.source.task=Task99_Mine", "paths.cache=null", f"paths.data={tmp_path}"]) == 0
    assert "msd is complete" in capsys.readouterr().out
    assert main(["download", "msd", "data.source.task=Task99_Mine", f"paths.data={tmp_path}"]) == 2
    assert "There is no data.source.task=Task99_Mine" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        (["verify", "dirve"], "the nearest"),
        (["verify", "drive", "data.sauce.root=x"], "data.source.root"),
        (["verify", "drive", "data=="], "cannot be read"),
    ],
)
def test_slips_of_the_typist(capsys, typed, answer):
    assert main(typed) == 2
    assert answer in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "images"),
    [
        ("chase", 20),
        pytest.param("dsb2018", 167, marks=pytest.mark.slow),
        pytest.param("msd", 200, marks=pytest.mark.slow),
    ],
)
def test_real_copies(real_data, name, images):
    result = found(name, real_data)
    assert (result.verdict, result.problems, result.notes, result.refusal) == ("partial", [], [], "")
    assert sum(result.good.values()) == images


@pytest.mark.parametrize(
    "typed",
    [
        ["stare", "--root", "ROOT", "data.patch_size=8", "--json"],
        ["--root", "ROOT", "data.patch_size=8", "stare", "--json"],
        ["data.patch_size=8", "--json", "stare", "--root", "ROOT"],
        ["stare", "data.patch_size=8", "--root", "ROOT", "--json", "seed=1"],
    ],
)
def test_words_in_any_order(typed, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr("gequnet.data.__main__._verify", lambda given: seen.append(given) or 0)
    assert main(["verify", *(word.replace("ROOT", str(tmp_path)) for word in typed)]) == 0
    assert (seen[0].name, seen[0].root, seen[0].json) == ("stare", str(tmp_path), True)
    assert seen[0].overrides == [word for word in typed if "=" in word]


@pytest.mark.parametrize("typed", [["stare", "drive"], ["stare", "--rot", "x"], ["seed=1"]])
def test_words_that_are_none_are_refused(typed, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["verify", *typed])
    assert "expected one dataset and name=value" in capsys.readouterr().err
