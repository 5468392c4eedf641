"""Export a trained network to one file, which runs without gequnet."""

import argparse
import sys
from collections.abc import Sequence

from gequnet.config.command_line import exit_code
from gequnet.config.typed_command import as_typed
from gequnet.export import onnx_file
from gequnet.export.export import TOLERANCE, export

EPILOG = """formats, by the file's ending:
  .onnx          for onnxruntime (the export is verified with it) and other readers of ONNX
  .pt2           for PyTorch: torch.export.load("net.pt2").module()(image=image)
  .safetensors   weights, and the layers as JSON; contains no program. Use it to rebuild the network in another
                 framework, or to train it further as a plain network in PyTorch:
                 gequnet.export.load_safetensors("net.safetensors")

examples:
  python -m gequnet.export runs/drive/e2unet_c8/2026-01-31_12-00-00 -o net.onnx

  session = onnxruntime.InferenceSession("net.onnx")
  (logits,) = session.run(None, {"image": image})        # float32 [B, C, *space], with scaled intensities
  session.get_modelmeta().custom_metadata_map            # classes, head, threshold, scale of intensities, sizes, ...

The exit code is 2 on an error: one sentence on stderr, and no file is written."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Export a run; an error is one sentence on stderr and exit code 2."""
    given = _parser().parse_args(arguments)
    return exit_code(lambda: _export(given), interrupted="Stopped; nothing was written.")


def _export(given: argparse.Namespace) -> int:
    made = export(given.run, given.out, opset=given.opset, tolerance=given.tolerance)
    print(f"{made.path}: {made.path.stat().st_size / 1e6:.1f} MB; it accepts {made.sizes}.")
    print(
        f"Its logits differ from the network's by at most {made.error:.0e} of the largest logit, "
        "at even and odd sizes of each axis."
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog=as_typed("python -m gequnet.export"),
        description=as_typed(__doc__ or ""),
        epilog=as_typed(EPILOG),
        formatter_class=plain,
    )
    parser.add_argument("run", metavar="RUN", help="folder of a finished run")
    parser.add_argument("-o", "--out", required=True, metavar="FILE", help="NAME.onnx, NAME.pt2 or NAME.safetensors")
    parser.add_argument(
        "--opset",
        type=int,
        default=onnx_file.OPSET,
        help="version of the ONNX operators, 18 or later (default: %(default)s)",
    )
    parser.add_argument(
        "--tolerance", type=float, default=TOLERANCE, metavar="E",
        help="largest allowed difference of logits, relative to the largest logit (default: %(default)s)",
    )  # fmt: skip
    return parser


if __name__ == "__main__":
    sys.exit(main())
