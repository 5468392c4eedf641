"""`python -m gequnet.predict`: what a trained network sees in files."""

import argparse
import logging
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

import gequnet
from gequnet.config.command_line import exit_code
from gequnet.data.datasets.brats import MODALITIES
from gequnet.errors import ConfigError, GequnetError, first_sentence
from gequnet.inference.prediction import ImagePredictor, PredictOptions
from gequnet.inference.predictor import Predictor
from gequnet.predict.input_files import Input, inputs_of
from gequnet.predict.output_files import WHITE, OutputOptions, Outputs, planned_outputs
from gequnet.predict.predict_file import Done, answer_file

EPILOG = """what is written, for each image:
  NAME.png|.tif|.nii.gz    labels in the image's own geometry: PNG for PNG, JPEG and other pictures, TIFF with the same
                           resolution for TIFF, NIfTI with the same affine and header for NIfTI; of a DICOM series a
                           NIfTI file that lies over it. A pixel is the index of its class, 0 for background: of one
                           class 0 and 1, which looks black in a viewer (--white makes it 0 and 255). Regions that may
                           overlap have a layer of 0 and 1 each: pages of a TIFF, the fourth axis of a NIfTI file.
  NAME_probabilities.…     --probabilities: float32, a layer for each class, as TIFF or NIfTI
  NAME_uncertainty.…       --uncertainty, with --tta: float32, the standard deviation, over the turned copies, of the
                           probability of what was predicted: 0 where all agree, at most 0.5
  NAME_contours.png        --contours: the borders drawn on the image, on the fullest slice of a volume

what is read:
  PNG, JPEG, BMP, …        grey or colour, of 8 or 16 bits; transparency is left out
  TIFF                     each page is an image, and its labels have as many pages; for a network that takes volumes
                           the pages are the depth
  NIfTI                    .nii, .nii.gz; channels in the fourth axis, or in files NAME_0000.nii.gz, NAME_0001.nii.gz, …
                           (of a network trained on BraTS also NAME_flair, NAME_t1, NAME_t1ce, NAME_t2)
  DICOM                    the files of one folder are the slices of one volume

examples:
  python -m gequnet.predict runs/drive/e2unet_d4/2026-01-31_12-00-00 fundus.jpg -o mask.png
  python -m gequnet.predict RUN photographs/ 'more/**/*.tif' -o masks --contours --tta d4 --uncertainty
  python -m gequnet.predict RUN scans/patient_1/ -o patient_1.nii.gz --device cuda --bf16 --batch-size 8

It ends with 0 if every image was answered, with 1 if some could not be, which are named, and with 2 where the command
is wrong, said in one sentence."""

Job = tuple[Input, Outputs]
Attempt = Callable[[Input, Outputs], bool]


def main(arguments: Sequence[str] | None = None) -> int:
    """Does what the words say; a mistake is one sentence on stderr and exit code 2."""
    given = _parser().parse_args(arguments)
    logging.getLogger("gequnet").setLevel(logging.ERROR)
    stopped = "Stopped; what is written is complete, and --resume does the rest."
    return exit_code(lambda: _predict(given), interrupted=stopped)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gequnet.predict",
        description="What a trained network sees in files.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", metavar="RUN", help="folder of a finished run")
    parser.add_argument("input", nargs="+", metavar="INPUT", help="files, folders (with all below), patterns")
    parser.add_argument(
        "-o", dest="out", required=True, type=Path, metavar="OUT", help="folder, or of one image the file of its labels"
    )
    answers = parser.add_argument_group("answers")
    answers.add_argument("--probabilities", action="store_true", help="write those of each class as well")
    answers.add_argument("--contours", action="store_true", help="draw the borders on the image")
    answers.add_argument("--tta", metavar="GROUP", help="average over turned copies: c4, d4, …; of volumes: mirrors")
    answers.add_argument("--uncertainty", action="store_true", help="write how much the turned copies disagree")
    answers.add_argument("--white", action="store_true", help="of one class: foreground is 255 and not 1")
    existing = answers.add_mutually_exclusive_group()
    existing.add_argument("--overwrite", action="store_true", help="replace answers that are there (default: refuse)")
    existing.add_argument("--resume", action="store_true", help="leave out images whose answers are all there")
    asking = parser.add_argument_group("asking")
    asking.add_argument(
        "--device", choices=["auto", "cpu", "cuda"], default="auto", help="default: a GPU if there is one"
    )
    asking.add_argument("--bf16", action="store_true", help="compute in bfloat16: faster on GPUs, three digits")
    asking.add_argument("--batch-size", type=int, default=1, metavar="N", help="windows in one pass (default: 1)")
    asking.add_argument(
        "--window", type=int, metavar="SIDE", help="look through windows of this side (default: as the run)"
    )
    asking.add_argument("--overlap", type=float, metavar="SHARE", help="of windows (default: as the run, or 0.5)")
    asking.add_argument(
        "--max-pixels",
        type=int,
        default=2**24,
        metavar="N",
        help="larger images are read and answered in windows, never held whole (default: %(default)s)",
    )
    return parser


def _predict(given: argparse.Namespace) -> int:
    if given.uncertainty and not given.tta:
        raise ConfigError(
            "--uncertainty is by how much answers about turned copies differ: name a group, --tta d4, say."
        )
    manner = PredictOptions(given.tta, given.window, given.overlap, given.batch_size, given.bf16, given.max_pixels)
    net = gequnet.load(given.run).to(_device(given.device))
    questioner = ImagePredictor(net, manner)
    if given.white and net.head == "softmax" and net.num_classes > 2:
        raise ConfigError(f"--white shows one class, and the network tells {net.num_classes} apart: leave it out.")
    wanted = OutputOptions(
        net.num_classes, questioner.layers, given.probabilities, given.uncertainty, given.contours, given.white
    )
    inputs = inputs_of(given.input, _namings(net), given.out if given.out.is_dir() else None)
    jobs = _to_do(
        list(zip(inputs, planned_outputs(inputs, given.out, wanted), strict=True)), given.overwrite, given.resume
    )
    Image.MAX_IMAGE_PIXELS = None  # Pillow takes large pictures for an attack; these were named by hand

    def answer(image: Input, outputs: Outputs, done: Done) -> str:
        return answer_file(questioner, image, outputs, wanted, done)

    with _attempts(len(jobs), answer) as attempt:
        good = [attempt(*job) for job in jobs]
    if jobs:
        _say(f"{sum(good)} of {len(jobs)} answered in {given.out}. {_legend(net, given.white)}")
    return int(not all(good))


def _namings(net: Predictor) -> list[tuple[str, ...]]:
    """What files of a channel each may be called: by numbers, and as in the dataset that the network was trained on."""
    if net.in_channels == 1:
        return []
    numbers = tuple(f"{channel:04d}" for channel in range(net.in_channels))
    return [numbers, MODALITIES] if net.recipe["data"]["source"]["_target_"].endswith(".Brats") else [numbers]


def _to_do(jobs: list[Job], overwrite: bool, resume: bool) -> list[Job]:
    """The images that are to be answered, of those some of whose answers are there already."""
    if overwrite:
        return jobs
    if resume:
        left = [job for job in jobs if not all(path.exists() for path in job[1].paths)]
        _say(f"{len(jobs) - len(left)} of {len(jobs)} images are answered already.")
        return left
    there = [path for _, outputs in jobs for path in outputs.paths if path.exists()]
    if there:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise ConfigError(
            f"{there[0]}{more} exist already: say --overwrite to replace them, --resume to answer what is not answered "
            "yet, or name another folder."
        )
    return jobs


def _device(name: str) -> str:
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("--device cuda: this machine has no GPU that PyTorch can use; leave it out, or say cpu.")
    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name


def _legend(net: Predictor, white: bool) -> str:
    """What the numbers in labels mean."""
    if net.head == "softmax":
        values = [WHITE if white and index else index for index in range(net.num_classes)]
        return f"Labels: {', '.join(f'{value} {name}' for value, name in zip(values, net.class_names, strict=True))}."
    one = WHITE if white else 1
    if net.num_classes == 1:
        return f"Labels: 0 background, {one} {net.class_names[0]}."
    return f"A layer of 0 and {one} for each of {', '.join(net.class_names)}."


@contextmanager
def _attempts(count: int, answer: Callable[[Input, Outputs, Done], str]) -> Iterator[Attempt]:
    """Does one image after the other; a bar on a terminal, else a line for each; an error is told and passed over."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    watched = sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not watched) as bars:
        total = bars.add_task("", total=count)
        began = 0

        def attempt(given: Input, outputs: Outputs) -> bool:
            nonlocal began
            number, start = began, time.perf_counter()
            began += 1
            bars.update(total, description=given.path.name, completed=number)
            try:
                remark = answer(given, outputs, lambda share: bars.update(total, completed=number + share))
            except Exception as error:  # whatever is wrong with one image, the others are answered
                print(_failure(given, error), file=sys.stderr, flush=True)
                return False
            if remark or not watched:
                took = f"{time.perf_counter() - start:.1f} s"
                _say(f"{began}/{count} {given.path} -> {outputs.labels} ({', '.join(filter(None, (took, remark)))})")
            return True

        yield attempt


def _failure(given: Input, error: Exception) -> str:
    """One sentence about what went wrong with an image."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error):
        advice = "give a smaller --window, --max-pixels or --batch-size"
        return f"{given.path} does not fit into the memory: {advice}."
    if isinstance(error, GequnetError):
        said = str(error)
        return said if str(given.path) in said else f"{given.path}: {said}"
    return f"{given.path} could not be answered ({type(error).__name__}: {first_sentence(str(error))})."


def _say(sentence: str) -> None:
    print(sentence, flush=True)


def _stop(number: int, frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)  # as Ctrl-C: half-written files are taken away
    sys.exit(main())
