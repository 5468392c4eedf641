"""Command `python -m gequnet.predict`: labels of image files from a trained network."""

import argparse
import logging
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

import gequnet
from gequnet.config.command_line import exit_code
from gequnet.config.typed_command import as_typed
from gequnet.data.datasets.brats import MODALITIES
from gequnet.errors import ConfigError, GequnetError, first_sentence
from gequnet.inference.prediction import ImagePredictor, PredictOptions
from gequnet.inference.predictor import Predictor
from gequnet.predict.input_files import Input, find_inputs
from gequnet.predict.output_files import WHITE, OutputOptions, Outputs, plan_outputs
from gequnet.predict.predict_file import ReportProgress, predict_file

EPILOG = """output files of each image:
  NAME.png|.tif|.nii.gz    labels in the geometry of the image: PNG for PNG, JPEG and other pictures, TIFF with the same
                           resolution for TIFF, NIfTI with the same affine and header for NIfTI, NIfTI in the same place
                           for a DICOM series. The value of a pixel is the index of its class; 0 is background. Labels
                           of one class are 0 and 1, which looks black in a viewer (with --white: 0 and 255).
                           Overlapping regions have a layer of 0 and 1 each: pages of a TIFF, the fourth axis of NIfTI.
  NAME_probabilities.…     --probabilities: float32, a layer for each class, as TIFF or NIfTI
  NAME_uncertainty.…       --uncertainty, with --tta: float32, standard deviation of the probability of the predicted
                           class over the transformed copies: 0 where all copies agree, at most 0.5
  NAME_contours.png        --contours: contours drawn on the image; of a volume on the slice with most foreground

input formats:
  PNG, JPEG, BMP, …        grey or colour, 8 or 16 bits; transparency is left out, with a warning
  TIFF                     each page is an image, and the labels have as many pages; for a network that takes volumes
                           the pages are the depth
  NIfTI                    .nii, .nii.gz; channels in the fourth axis, or in files NAME_0000.nii.gz, NAME_0001.nii.gz, …
                           (for a network trained on BraTS also NAME_flair, NAME_t1, NAME_t1ce, NAME_t2)
  DICOM                    the files of one folder are the slices of one volume

examples:
  python -m gequnet.predict runs/drive/e2unet_d4/2026-01-31_12-00-00 fundus.jpg -o mask.png
  python -m gequnet.predict RUN photographs/ 'more/**/*.tif' -o masks --contours --tta d4 --uncertainty
  python -m gequnet.predict RUN scans/patient_1/ -o patient_1.nii.gz --device cuda --bf16 --batch-size 8

exit codes:
  0                        every image was predicted
  1                        some images failed; each is named on stderr
  2                        the command is wrong; stderr gives the reason"""

Job = tuple[Input, Outputs]
Attempt = Callable[[Input, Outputs], bool]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; a user's mistake is one sentence on stderr and exit code 2."""
    args = _parser().parse_args(arguments)
    logging.getLogger("gequnet").setLevel(logging.ERROR)
    interrupted = "Stopped. The files written so far are complete; --resume predicts the rest."
    return exit_code(lambda: _predict(args), interrupted=interrupted)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=as_typed("python -m gequnet.predict"),
        description="Predict labels for image files with a trained network.",
        epilog=as_typed(EPILOG),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", metavar="RUN", help="folder of a finished run")
    parser.add_argument("input", nargs="+", metavar="INPUT", help="files, folders (with their subfolders), patterns")
    parser.add_argument(
        "-o", dest="out", required=True, type=Path, metavar="OUT", help="folder, or for one image the label file"
    )
    output = parser.add_argument_group("output")
    output.add_argument("--probabilities", action="store_true", help="also write the probabilities of each class")
    output.add_argument("--contours", action="store_true", help="also draw the contours on the image")
    output.add_argument(
        "--tta", metavar="GROUP", help="average over transformed copies: c4, d4, …; for volumes: mirrors"
    )
    output.add_argument("--uncertainty", action="store_true", help="also write the deviation over the copies of --tta")
    output.add_argument("--white", action="store_true", help="for one class: foreground is 255 instead of 1")
    output.add_argument(
        "--no-field-of-view",
        action="store_true",
        help="of fundus photographs: also label pixels outside of the estimated field of view (default: background)",
    )
    existing = output.add_mutually_exclusive_group()
    existing.add_argument("--overwrite", action="store_true", help="replace existing output files (default: refuse)")
    existing.add_argument("--resume", action="store_true", help="skip images whose output files all exist")
    inference = parser.add_argument_group("inference")
    inference.add_argument(
        "--device", choices=["auto", "cpu", "cuda"], default="auto", help="default: a GPU if there is one"
    )
    inference.add_argument(
        "--bf16", action="store_true", help="compute in bfloat16: faster on GPUs, about three digits"
    )
    inference.add_argument("--batch-size", type=int, default=1, metavar="N", help="windows in one pass (default: 1)")
    inference.add_argument("--window", type=int, metavar="SIDE", help="side of the windows (default: as in the run)")
    inference.add_argument(
        "--overlap", type=float, metavar="SHARE", help="overlap of the windows (default: as in the run, or 0.5)"
    )
    inference.add_argument(
        "--max-pixels",
        type=int,
        default=2**24,
        metavar="N",
        help="images with more pixels are read and predicted in windows (default: %(default)s)",
    )
    return parser


def _predict(args: argparse.Namespace) -> int:
    if args.uncertainty and not args.tta:
        raise ConfigError(
            "--uncertainty is the deviation over transformed copies: also give a group, for example --tta d4."
        )
    inside = not args.no_field_of_view
    options = PredictOptions(args.tta, args.window, args.overlap, args.batch_size, args.bf16, args.max_pixels, inside)
    net = gequnet.load(args.run).to(_device(args.device))
    predictor = ImagePredictor(net, options)
    if args.white and net.head == "softmax" and net.num_classes > 2:
        raise ConfigError(f"--white needs a single class, and the network has {net.num_classes}: leave it out.")
    output_options = OutputOptions(
        net.num_classes, predictor.layers, args.probabilities, args.uncertainty, args.contours, args.white
    )
    inputs = find_inputs(args.input, _channel_names(net), args.out if args.out.is_dir() else None)
    jobs = _select_jobs(
        list(zip(inputs, plan_outputs(inputs, args.out, output_options), strict=True)), args.overwrite, args.resume
    )

    def predict(image: Input, outputs: Outputs, report: ReportProgress) -> str:
        return predict_file(predictor, image, outputs, output_options, report)

    with _attempts(len(jobs), predict) as attempt:
        succeeded = [attempt(*job) for job in jobs]
    if jobs:
        _print(f"{sum(succeeded)} of {len(jobs)} images predicted in {args.out}. {_legend(net, args.white)}")
    if jobs and inside and net.preprocessing.fov:
        _print("Outside of the estimated field of view all is background; --no-field-of-view gives labels there, too.")
    return int(not all(succeeded))


def _channel_names(net: Predictor) -> list[tuple[str, ...]]:
    """Suffixes of files with one channel each: numbers, and the names of the dataset of the training."""
    if net.in_channels == 1:
        return []
    numbers = tuple(f"{channel:04d}" for channel in range(net.in_channels))
    return [numbers, MODALITIES] if net.recipe["data"]["source"]["_target_"].endswith(".Brats") else [numbers]


def _select_jobs(jobs: list[Job], overwrite: bool, resume: bool) -> list[Job]:
    """Images to predict; existing outputs are replaced, skipped or refused."""
    if overwrite:
        return jobs
    if resume:
        left = [job for job in jobs if not all(path.exists() for path in job[1].paths)]
        _print(f"{len(jobs) - len(left)} of {len(jobs)} images are predicted already.")
        return left
    existing = [path for _, outputs in jobs for path in outputs.paths if path.exists()]
    if existing:
        exist = f" and {len(existing) - 1} more exist" if len(existing) > 1 else " exists"
        raise ConfigError(
            f"{existing[0]}{exist} already: give --overwrite to replace what is there, --resume to predict "
            "what is missing, or another folder."
        )
    return jobs


def _device(name: str) -> str:
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("--device cuda: this machine has no GPU that PyTorch can use; leave it out, or give cpu.")
    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name


def _legend(net: Predictor, white: bool) -> str:
    """Legend of the values in the label files."""
    if net.head == "softmax":
        values = [WHITE if white and index else index for index in range(net.num_classes)]
        return f"Labels: {', '.join(f'{value} {name}' for value, name in zip(values, net.class_names, strict=True))}."
    one = WHITE if white else 1
    if net.num_classes == 1:
        return f"Labels: 0 background, {one} {net.class_names[0]}."
    return f"Labels: a layer of 0 and {one} for each of {', '.join(net.class_names)}."


@contextmanager
def _attempts(count: int, predict: Callable[[Input, Outputs, ReportProgress], str]) -> Iterator[Attempt]:
    """Yield a function that predicts one image and prints its errors.

    Progress is a bar on a terminal, else one line for each image.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    on_terminal = sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not on_terminal) as bars:
        total = bars.add_task("", total=count)
        started = 0

        def attempt(image: Input, outputs: Outputs) -> bool:
            nonlocal started
            number, start = started, time.perf_counter()
            started += 1
            bars.update(total, description=image.path.name, completed=number)
            try:
                remark = predict(image, outputs, lambda share: bars.update(total, completed=number + share))
            except Exception as error:  # an error in one image does not stop the others
                print(_failure(image, error), file=sys.stderr, flush=True)
                return False
            if remark or not on_terminal:
                details = ", ".join(filter(None, (f"{time.perf_counter() - start:.1f} s", remark)))
                _print(f"{started}/{count} {image.path} -> {outputs.labels} ({details})")
            return True

        yield attempt


def _failure(image: Input, error: Exception) -> str:
    """One-sentence message for an image whose prediction failed."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error):
        advice = "give a smaller --window, --max-pixels or --batch-size"
        return f"{image.path} does not fit into the memory: {advice}."
    if isinstance(error, GequnetError):
        message = str(error)
        return message if str(image.path) in message else f"{image.path}: {message}"
    return f"{image.path} could not be predicted ({type(error).__name__}: {first_sentence(str(error))})."


def _print(line: str) -> None:
    print(line, flush=True)


def _stop(number: int, frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)  # like Ctrl-C: unfinished files are removed
    sys.exit(main())
