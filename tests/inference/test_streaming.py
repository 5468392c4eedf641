"""Streaming: the same predictions as in memory, with little memory."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from torch import Tensor

import gequnet
from gequnet.data.formats.image_file import InputSpec
from gequnet.data.formats.open_image import open_image
from gequnet.data.preprocessing import Preprocessing, unlabelled_scene
from gequnet.data.transforms.normalise import NORMALISATIONS, Scale
from gequnet.inference.prediction import ImagePredictor, PredictOptions
from gequnet.inference.streaming import scale_in_windows, stream
from helpers.image_makers import noise
from helpers.repository import TESTS
from helpers.untrained_run import make_run
from helpers.volume_makers import affine, write

SMALL = ["width.widths=[2,4]", "model.depth=2"]
SLIDING = ["inference=sliding", "data.patch_size=16"]
VOLUMES = ["data=phantom_tumours", "model=unet3d", "group=none"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with sliding-window inference on pictures."""
    return make_run(tmp_path_factory.mktemp("runs") / "run", *SMALL, *SLIDING, "metrics.threshold=0.8")


def together(bands: list, part: str) -> np.ndarray:
    """Bands joined along the rows; each begins where the last one ended."""
    rows = 0
    for first, answer in bands:
        assert first == rows
        rows += answer.labels.shape[1]
    return np.concatenate([getattr(answer, part) for _, answer in bands], 1)


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
@pytest.mark.parametrize("holes", [False, True])
def test_the_scale_of_an_image_is_found_in_windows(normalisation: str, holes: bool) -> None:
    image = torch.randn(2, 37, 50, generator=torch.Generator().manual_seed(0)) * 40 + 1000
    image[:, 5:20, 8:40] = 0
    if holes:
        image[0, :17, :19] = torch.nan
    fixed = Scale(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])) if normalisation.startswith("full") else None
    preprocessing = Preprocessing(normalisation, fixed)  # type: ignore[arg-type]
    found = scale_in_windows(preprocessing, lambda window: image[(slice(None), *window)], (37, 50), (16, 16))
    finite = image.isfinite().all(0)
    expected = preprocessing.scale(unlabelled_scene(torch.where(finite, image, 0), finite))
    torch.testing.assert_close(found.shift, expected.shift)
    torch.testing.assert_close(found.unit, expected.unit)


@pytest.mark.parametrize("tta", [None, "d4", "c8"])
@pytest.mark.parametrize("packed", [{}, {"compression": "zlib", "tile": (16, 16)}], ids=str)
def test_answers_are_those_in_memory(run: Path, tta: str | None, packed: dict, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise(37, 50), photometric="minisblack", **packed)
    predictor = ImagePredictor(gequnet.load(run), PredictOptions(tta, batch_size=3))
    with open_image(tmp_path / "a.tif", InputSpec(1, 2)) as image:
        bands, expected = list(stream(predictor, image)), predictor.predict(image.read())
    assert len(bands) == 4
    np.testing.assert_allclose(together(bands, "probabilities"), expected.probabilities, atol=1e-6)
    np.testing.assert_allclose(together(bands, "uncertainty"), expected.uncertainty, atol=1e-6)
    assert (together(bands, "labels") != expected.labels).mean() < 1e-3


@pytest.mark.parametrize("overrides", [[], ["data.num_classes=3", "data.class_names=[a,b,c]", "data.head=softmax",
                                            "loss=cross_entropy"]])  # fmt: skip
def test_of_volumes_too(overrides: list[str], tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", *VOLUMES, *SMALL, "data.patch_size=[8,8,8]", "inference=sliding", *overrides)
    path = write(tmp_path / "a.nii", noise(13, 9, 15, dtype=np.float32), affine("PIR", (13, 9, 15)))
    predictor = ImagePredictor(gequnet.load(run), PredictOptions("mirrors"))
    with open_image(path, InputSpec(1, 3)) as image:
        assert image.windowed
        bands, expected = list(stream(predictor, image)), predictor.predict(image.read(), image.spacing_mm)
    np.testing.assert_allclose(together(bands, "probabilities"), expected.probabilities, atol=1e-6)
    np.testing.assert_allclose(together(bands, "uncertainty"), expected.uncertainty, atol=1e-6)


def test_no_more_is_read_than_a_pass_looks_at(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise(150, 40), photometric="minisblack", compression="zlib", tile=(16, 16))
    predictor = ImagePredictor(gequnet.load(run), PredictOptions(batch_size=3))
    with open_image(tmp_path / "a.tif", InputSpec(1, 2)) as image:
        read: list[int] = []

        def counted(page: int, window: list[slice], decode: Callable = image._decode) -> Tensor:
            found: Tensor = decode(page, window)
            read.append(found[0].numel())
            return found

        monkeypatch.setattr(image, "_decode", counted)
        heights = [answer.labels.shape[1] for _, answer in stream(predictor, image)]
    assert sum(heights) == 150
    assert max(heights) <= 16
    assert max(read) == 16 * 16


LIMITED = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import torch
from helpers.untrained_run import make_run
from gequnet.predict.__main__ import main
folder = Path(sys.argv[2])
run = make_run(folder / "run", "width.widths=[1,1]", "model.depth=2", "model=unet", "group=none", "inference=sliding",
               "data.patch_size=256", "data.normalisation=range")
import gequnet
gequnet.load(run).predict(torch.zeros(600, 600).numpy())  # loads everything that is loaded on first use
held = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmData")) * 1024
resource.setrlimit(resource.RLIMIT_DATA, (held + int(sys.argv[3]), -1))
small = ["--overlap=0", "--batch-size=1"]  # a convolution may round the channels up to 16
sys.exit(main([str(run), str(folder / "large.tif"), "-o", str(folder / sys.argv[4]), *small, *sys.argv[5:]]))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits what a process may hold")
def test_an_image_does_not_have_to_fit_into_the_memory(tmp_path: Path) -> None:
    """An image of 32 million pixels (128 MB in float32) needs less than 100 MB in windows; whole it does not fit."""
    tifffile.memmap(tmp_path / "large.tif", shape=(16384, 2048), dtype=np.uint8, photometric="minisblack")[::512] = 200
    tests = str(TESTS)
    for number, (words, code) in enumerate((([], 0), (["--max-pixels", "1000000000"], 1))):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "large.tif").symlink_to(tmp_path / "large.tif")
        command = [sys.executable, "-c", LIMITED, tests, str(folder), str(100 * 2**20), "out", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        assert (folder / "out/large.tif").exists() == (code == 0)
        assert ("does not fit into the memory" in done.stderr) == (code == 1)
