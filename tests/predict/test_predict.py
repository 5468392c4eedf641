"""The command `python -m gequnet.predict`: its output files and its error messages."""

import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
import tifffile
from PIL import Image

import gequnet
from gequnet.data.formats.nifti import read_nifti
from gequnet.data.formats.pictures import picture_size, read_picture
from gequnet.predict.__main__ import main
from gequnet.predict.output_files import PageBuffer
from helpers.image_makers import make_series, noise
from helpers.untrained_run import make_run
from helpers.volume_makers import affine, make_brats, write

SMALL = ["width.widths=[2,4]", "model.depth=2"]
CLASSES = ["data.head=softmax", "data.num_classes=3", "data.class_names=[ground,path,roof]", "loss=cross_entropy"]
REGIONS = ["data.num_classes=2", "data.class_names=[inner,outer]"]
VOLUMES = ["data=phantom_tumours", "model=unet3d", "group=none", "inference=whole"]
KINDS = {
    "grey": ["metrics.threshold=0.83"],
    "windows": ["group=d4", "inference=sliding", "data.patch_size=16"],
    "colour": ["data.in_channels=3", *CLASSES],
    "regions": REGIONS,
    "volumes": VOLUMES,
    "volume_regions": [*VOLUMES, *REGIONS, "data.head=sigmoid"],
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One run of each kind."""
    root = tmp_path_factory.mktemp("runs")
    return {kind: make_run(root / kind, *SMALL, *overrides) for kind, overrides in KINDS.items()}


def ask(run: Path, *words: object) -> int:
    return main([str(run), *map(str, words)])


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_pictures_become_masks_of_their_own_size(runs: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "in/deep").mkdir(parents=True)
    Image.fromarray(noise(33, 40)).save(tmp_path / "in/a.png")
    Image.fromarray(noise(30, 20, 3)).save(tmp_path / "in/deep/b.jpg")
    Image.fromarray(noise(25, 31, dtype=np.uint16)).save(tmp_path / "in/deep/c.png")
    (tmp_path / "in/notes.txt").write_text("no image")
    assert ask(runs["grey"], tmp_path / "in", "-o", tmp_path / "out") == 0
    assert files_in(tmp_path / "out") == ["a.png", "deep/b.png", "deep/c.png"]
    net = gequnet.load(runs["grey"])
    for name, source in (("a.png", "a.png"), ("deep/b.png", "deep/b.jpg"), ("deep/c.png", "deep/c.png")):
        mask = np.asarray(Image.open(tmp_path / "out" / name))
        expected = net.predict(read_picture(tmp_path / "in" / source, 1))
        assert np.array_equal(mask, expected)
    assert len(np.unique(np.asarray(Image.open(tmp_path / "out/a.png")))) == 2


@pytest.mark.parametrize("words", [[], ["--max-pixels", "100"]])
def test_a_picture_without_a_value_is_refused_by_name(
    runs: dict[str, Path], words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.full((33, 40), np.nan, np.float32))
    assert ask(runs["windows"], tmp_path / "a.tif", "-o", tmp_path / "out", *words) != 0
    assert f"{tmp_path / 'a.tif'} has no valid pixel" in capsys.readouterr().err
    assert not (tmp_path / "out/a.tif").exists()


@pytest.mark.parametrize("words", [[], ["--max-pixels", "100"]], ids=["whole", "streamed"])
def test_pixels_without_a_value_are_background_and_counted(
    runs: dict[str, Path], words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The threshold is so low that without them all is foreground."""
    run = make_run(tmp_path / "run", *SMALL, "metrics.threshold=0.001", "inference=sliding", "data.patch_size=16")
    image = noise(33, 40).astype(np.float32)
    image[:5, :7] = np.nan
    image[30:, 20] = np.inf
    tifffile.imwrite(tmp_path / "a.tif", image)
    assert ask(run, tmp_path / "a.tif", "-o", tmp_path / "out", *words) == 0
    assert np.array_equal(tifffile.imread(tmp_path / "out/a.tif") > 0, np.isfinite(image))
    assert "38 pixels have no value (nan, infinite or nodata) and are background" in capsys.readouterr().out


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_nodata_is_a_number_of_the_file(dtype: type, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """White, which a network sees as 1, is no nodata value 1."""
    source = ["data=folder", "data.in_channels=1", "data.source.nodata=1", f"paths.data={tmp_path}"]
    run = make_run(tmp_path / "run", *SMALL, *source, "metrics.threshold=0.001", "group=none", "model=unet")
    image = np.full((33, 40), np.iinfo(dtype).max, dtype)
    image[:4, :5], image[20:, 7:] = 1, 50
    tifffile.imwrite(tmp_path / "a.tif", image)
    assert ask(run, tmp_path / "a.tif", "-o", tmp_path / "out") == 0
    assert "20 pixels have no value" in capsys.readouterr().out


def test_pixels_without_a_value_do_not_darken_the_picture_of_contours(runs: dict[str, Path], tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((33, 40)).astype(np.float32)
    greys = []
    for hole in (0.5, np.nan):
        values[3, 4], values[20:22, 7] = hole, hole
        tifffile.imwrite(tmp_path / "a.tif", values)
        assert ask(runs["grey"], tmp_path / "a.tif", "-o", tmp_path / f"{hole}", "--contours") == 0
        (drawn,) = (tmp_path / f"{hole}").glob("*contours*")
        greys.append(np.asarray(Image.open(drawn).convert("L"), float))
    whole, torn = greys
    assert np.abs(whole - torn).mean() < 0.1 * whole.std()


def test_classes_are_indices_and_regions_are_layers(runs: dict[str, Path], tmp_path: Path) -> None:
    picture = noise(33, 40, 3)
    Image.fromarray(picture).save(tmp_path / "a.png")
    assert ask(runs["colour"], tmp_path / "a.png", "-o", tmp_path / "mask.png", "--probabilities") == 0
    net = gequnet.load(runs["colour"])
    assert np.array_equal(np.asarray(Image.open(tmp_path / "mask.png")), net.predict(picture))
    np.testing.assert_allclose(tifffile.imread(tmp_path / "mask_probabilities.tif"), net.probabilities(picture))
    assert ask(runs["regions"], tmp_path / "a.png", "-o", tmp_path / "out") == 0
    layers = tifffile.imread(tmp_path / "out/a.tif")
    grey = gequnet.load(runs["regions"]).predict(read_picture(tmp_path / "a.png", 1))
    assert layers.shape == (2, 33, 40)
    assert np.array_equal(layers, grey)


def test_white_is_for_the_eye(runs: dict[str, Path], tmp_path: Path) -> None:
    Image.fromarray(noise(33, 40)).save(tmp_path / "a.png")
    for name, words in (("one", []), ("white", ["--white"])):
        assert ask(runs["grey"], tmp_path / "a.png", "-o", tmp_path / f"{name}.png", *words) == 0
    one, white = (np.asarray(Image.open(tmp_path / f"{name}.png")) for name in ("one", "white"))
    assert np.array_equal(one * 255, white)


def test_each_page_is_a_picture_or_all_are_a_volume(runs: dict[str, Path], tmp_path: Path) -> None:
    pages = noise(4, 33, 40)
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="minisblack", resolution=(500, 250), resolutionunit=3)
    assert ask(runs["grey"], tmp_path / "a.tif", "-o", tmp_path / "out") == 0
    net = gequnet.load(runs["grey"])
    with tifffile.TiffFile(tmp_path / "out/a.tif") as mask:
        assert np.array_equal(mask.asarray(), np.stack([net.predict(page) for page in pages]))
        assert mask.pages[0].tags["XResolution"].value == (500, 1)
    assert ask(runs["volumes"], tmp_path / "a.tif", "-o", tmp_path / "volume.tif") == 0
    expected = gequnet.load(runs["volumes"]).predict(pages.astype(np.float32))
    assert np.array_equal(tifffile.imread(tmp_path / "volume.tif"), expected)


def test_a_nifti_mask_lies_over_its_volume(runs: dict[str, Path], tmp_path: Path) -> None:
    values = noise(12, 15, 13, dtype=np.float32)
    path = write(tmp_path / "scan.nii.gz", values, affine("LPS", values.shape) @ np.diag([1, 2, 1.5, 1]))
    words = ["--probabilities", "--contours", "--tta", "mirrors", "--uncertainty"]
    assert ask(runs["volumes"], path, "-o", tmp_path / "plain") == 0
    assert ask(runs["volume_regions"], path, "-o", tmp_path / "out", *words) == 0
    assert files_in(tmp_path / "out") == [
        "scan.nii.gz", "scan_contours.png", "scan_probabilities.nii.gz", "scan_uncertainty.nii.gz",
    ]  # fmt: skip
    _, geometry = read_nifti(path)
    mask, original = nibabel.load(tmp_path / "plain/scan.nii.gz"), nibabel.load(path)
    assert np.array_equal(mask.affine, original.affine)
    assert mask.header["descrip"] == original.header["descrip"]
    expected = gequnet.load(runs["volumes"]).predict(geometry.upright(values))
    assert np.array_equal(geometry.upright(np.asarray(mask.dataobj)), expected)
    assert nibabel.load(tmp_path / "out/scan.nii.gz").shape == (12, 15, 13, 2)
    shares = nibabel.load(tmp_path / "out/scan_uncertainty.nii.gz")
    assert (shares.shape, shares.get_data_dtype()) == ((12, 15, 13, 2), np.float32)
    assert 0 < np.asarray(shares.dataobj).max() < 0.5


def test_a_dicom_series_has_a_nifti_mask(runs: dict[str, Path], tmp_path: Path) -> None:
    hounsfield = np.random.default_rng(0).integers(-1000, 1000, (10, 12, 9)).astype(np.float32)
    make_series(tmp_path / "patients/one/ct", hounsfield)
    make_series(tmp_path / "patients/two", hounsfield[:, ::-1])
    assert ask(runs["volumes"], tmp_path / "patients", "-o", tmp_path / "out") == 0
    assert files_in(tmp_path / "out") == ["one/ct.nii.gz", "two.nii.gz"]
    assert ask(runs["volumes"], tmp_path / "patients/two", "-o", tmp_path / "two.nii.gz") == 0
    mask = nibabel.load(tmp_path / "two.nii.gz")
    assert mask.shape == (9, 12, 10)
    assert nibabel.aff2axcodes(mask.affine) == ("L", "P", "S")


def test_a_subject_of_brats_is_one_image(tmp_path: Path) -> None:
    folder = make_brats(tmp_path, ["BraTS2021_00001"])
    run = make_run(tmp_path / "run", *SMALL, "data=brats", "model=unet3d", "group=none")
    assert ask(run, folder, "-o", tmp_path / "out") == 0
    (found,) = files_in(tmp_path / "out")
    assert found == "BraTS2021_00001/BraTS2021_00001.nii.gz"
    assert nibabel.load(tmp_path / "out" / found).shape[3] == 3


def test_probabilities_are_the_mean_over_the_orbit(runs: dict[str, Path], tmp_path: Path) -> None:
    picture = noise(33, 40)
    Image.fromarray(picture).save(tmp_path / "a.png")
    words = ["--tta", "d4", "--uncertainty", "--probabilities", "--contours"]
    assert ask(runs["grey"], tmp_path / "a.png", "-o", tmp_path / "out", *words) == 0
    net = gequnet.load(runs["grey"])
    orbit = [
        np.rot90(net.probabilities(np.rot90(image, k))[0], -k)[:: -1 if turned else 1]
        for turned, image in enumerate((picture, picture[::-1]))
        for k in range(4)
    ]
    np.testing.assert_allclose(tifffile.imread(tmp_path / "out/a_probabilities.tif"), np.mean(orbit, 0), atol=1e-5)
    np.testing.assert_allclose(tifffile.imread(tmp_path / "out/a_uncertainty.tif"), np.std(orbit, 0), atol=1e-5)
    assert np.std(orbit, 0).max() > 1e-3
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out/a.png")), np.mean(orbit, 0) > 0.83)
    assert np.asarray(Image.open(tmp_path / "out/a_contours.png")).shape[2] >= 3


@pytest.mark.parametrize("size", [(37, 44), (15, 33)])
@pytest.mark.parametrize("limit", [10**6, 100])
def test_answers_turn_with_the_picture(
    runs: dict[str, Path], size: tuple[int, int], limit: int, tmp_path: Path
) -> None:
    for name, picture in (("a", noise(*size)), ("turned", np.rot90(noise(*size))), ("mirrored", noise(*size)[::-1])):
        Image.fromarray(np.ascontiguousarray(picture)).save(tmp_path / f"{name}.png")
    words = ["--probabilities", "--max-pixels", limit]
    assert ask(runs["windows"], tmp_path, "-o", tmp_path / "out", *words) == 0
    found = {name: tifffile.imread(tmp_path / f"out/{name}_probabilities.tif") for name in ("a", "turned", "mirrored")}
    np.testing.assert_allclose(found["turned"], np.rot90(found["a"]), atol=1e-5)
    np.testing.assert_allclose(found["mirrored"], found["a"][::-1], atol=1e-5)


def test_a_file_that_cannot_be_read_does_not_stop_the_others(
    runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b", "c"):
        Image.fromarray(noise(20, 24)).save(tmp_path / f"{name}.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "b.png").read_bytes()[:200])
    write(tmp_path / "d.nii", noise(5, 6, 7), np.eye(4))
    assert ask(runs["grey"], tmp_path, "-o", tmp_path / "out") == 1
    assert files_in(tmp_path / "out") == ["a.png", "c.png"]
    out, err = capsys.readouterr()
    assert "b.png cannot be read" in err
    assert "d.nii is a volume and the network takes pictures" in err
    assert len(err.splitlines()) == 2
    assert "2 of 4 images predicted" in out
    assert "0 background, 1 vessel" in out


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError("No space left on device")])
def test_nothing_is_left_half_written(
    runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException] | OSError
) -> None:
    Image.fromarray(noise(20, 24)).save(tmp_path / "a.png")
    written = PageBuffer.write

    def stopped(maps: PageBuffer, outputs: object) -> None:
        written(maps, outputs)  # type: ignore[arg-type]
        raise error

    (tmp_path / "out").mkdir()
    (tmp_path / "out/a.png").write_text("what was there before")
    with monkeypatch.context() as patch:
        patch.setattr(PageBuffer, "write", stopped)
        words = [tmp_path / "a.png", "-o", tmp_path / "out", "--probabilities", "--overwrite"]
        assert ask(runs["grey"], *words) == (130 if error is KeyboardInterrupt else 1)
    assert files_in(tmp_path / "out") == ["a.png"]
    assert (tmp_path / "out/a.png").read_text() == "what was there before"
    assert ask(runs["grey"], *words) == 0


def test_what_is_there_is_refused_replaced_or_kept(
    runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        Image.fromarray(noise(20, 24)).save(tmp_path / f"{name}.png")
    out, words = tmp_path / "out", [tmp_path / "a.png", tmp_path / "b.png", "-o", tmp_path / "out"]
    out.mkdir()
    (out / "a.png").write_text("mine")
    assert ask(runs["grey"], *words) == 2
    assert f"{out / 'a.png'} exists already: give --overwrite" in capsys.readouterr().err
    (out / "b.png").write_text("mine, too")
    assert ask(runs["grey"], *words) == 2
    assert f"{out / 'a.png'} and 1 more exist already: give --overwrite" in capsys.readouterr().err
    (out / "b.png").unlink()
    assert ask(runs["grey"], *words, "--resume") == 0
    assert (out / "a.png").read_text() == "mine"
    assert files_in(out) == ["a.png", "b.png"]
    assert ask(runs["grey"], *words, "--resume") == 0
    assert "2 of 2 images are predicted already" in capsys.readouterr().out
    assert ask(runs["grey"], *words, "--overwrite") == 0
    assert np.array_equal(np.asarray(Image.open(out / "a.png")), np.asarray(Image.open(out / "b.png")))


@pytest.mark.parametrize(("name", "made"), [("drive.run", True), ("overlap_0.5", False), (".hidden", False)])
def test_a_folder_may_have_a_point_in_its_name(runs: dict[str, Path], name: str, made: bool, tmp_path: Path) -> None:
    Image.fromarray(noise(20, 24)).save(tmp_path / "a.png")
    if made:
        (tmp_path / name).mkdir()
    assert ask(runs["grey"], tmp_path / "a.png", "-o", tmp_path / name) == 0
    assert files_in(tmp_path / name) == ["a.png"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing.png"], "nothing.png does not exist"),
        (["*.jpeg"], "No image matches"),
        (["a.png", "--tta", "so2"], "infinitely many"),
        (["a.png", "--tta", "q7"], "q7"),
        (["a.png", "--uncertainty"], "--tta"),
        (["a.png", "--window", "0"], "--window 0"),
        (["a.png", "--overlap", "1"], "--overlap 1"),
        (["a.png", "-o", "mask.nii.gz"], "use .png or .tif"),
        (["a.png", "-o", "mask.xyz"], "-o mask.xyz is no folder, and .xyz is the ending of no label file: use .png"),
        (["a.png", "b.png", "-o", "masks.npy"], "-o masks.npy is no folder"),
        (["a.png", "b.png", "-o", "mask.png"], "is one file, but there are 2"),
        (["a.png", "a.bmp"], "would both be written to"),
        (["a.png", "-o", "."], "would overwrite the input image"),
        ([".", "-o", "."], "would be written into .: give another folder"),
    ],
)
def test_wrong_commands_get_a_sentence(
    runs: dict[str, Path],
    words: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.png", "a.bmp"):
        Image.fromarray(noise(20, 24)).save(tmp_path / name)
    assert ask(runs["grey"], *words, *([] if "-o" in words else ["-o", "out"])) == 2
    err = capsys.readouterr().err
    assert said in err
    assert len(err.strip().splitlines()) == 1
    assert files_in(tmp_path) == ["a.bmp", "a.png", "b.png"]


def test_what_is_no_run_gets_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(tmp_path, "a.png", "-o", "out") == 2
    assert "not the folder of a finished run" in capsys.readouterr().err


def test_end_to_end_from_another_folder(runs: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    for name in ("a", "b", "c"):
        Image.fromarray(noise(40, 30, seed=ord(name))).save(tmp_path / f"scans/{name}.png")
    command = [sys.executable, "-m", "gequnet.predict", str(runs["windows"]), "scans/[ab].png", "-o", "out"]
    done = subprocess.run(
        [*command, "--batch-size=3", "--bf16"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert files_in(tmp_path / "out") == ["a.png", "b.png"]
    assert "1/2 scans/a.png -> out/a.png" in done.stdout
    assert done.stderr == ""


def test_one_real_image_of_each_format(runs: dict[str, Path], real_data: Path, tmp_path: Path) -> None:
    fundus = real_data / "CHASEDB1/Image_01L.jpg"
    slices = real_data / "ISBI2012/train-volume.tif"
    hippocampus = sorted((real_data / "Task04_Hippocampus/imagesTr").glob("hippo*.nii.gz"))[0]
    tifffile.imwrite(tmp_path / "slices.tif", tifffile.imread(slices)[:2], photometric="minisblack")
    out = tmp_path / "out"
    assert ask(runs["colour"], fundus, "-o", out, "--contours") == 0
    assert ask(runs["grey"], tmp_path / "slices.tif", "-o", out) == 0
    assert ask(runs["volumes"], hippocampus, "-o", out) == 0
    assert picture_size(out / "Image_01L.png") == picture_size(fundus)
    assert tifffile.imread(out / "slices.tif").shape == (2, 512, 512)
    mask, original = nibabel.load(out / hippocampus.name), nibabel.load(hippocampus)
    assert mask.shape == original.shape
    assert np.array_equal(mask.affine, original.affine)
