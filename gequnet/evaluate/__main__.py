"""`python -m gequnet.evaluate RUN data=NAME`: test of a finished run on another dataset."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from gequnet.config.command_line import exit_code
from gequnet.config.typed_command import as_typed
from gequnet.evaluate.external_test import TESTED, evaluate

EPILOG = """examples:
  python -m gequnet.evaluate runs/drive/e2unet_c8/RUN data=chase                        # another dataset
  python -m gequnet.evaluate RUN data=folder paths.data=MINE --split all                # your own images and masks
  python -m gequnet.evaluate RUN data=msd data.source.task=Task09_Spleen data.class_names=[background,spleen]
  python -m gequnet.evaluate RUN paths.data=/elsewhere trainer.accelerator=cpu          # its own dataset again
  python -m gequnet.report RUN1/evaluations/chase RUN2/evaluations/chase                # comparison of two runs

Only the data is replaced: network, weights, normalisation, sliding window, threshold and precision are those of the
run's config.yaml. A dataset with other channels, classes or dimension is refused. A dataset that the run has not used
may be tested as a whole (--split all). There is a warning if the run was trained on some of the test images."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Test, write and print; a user's mistake is one sentence on stderr and exit code 2."""
    given = _parser().parse_intermixed_args(arguments)
    return exit_code(lambda: _evaluate(given), [text for text in given.overrides if text.startswith("data")])


def _evaluate(given: argparse.Namespace) -> int:
    evaluate(given.run, given.overrides, given.out, given.split)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=as_typed("python -m gequnet.evaluate"),
        description="Tests a finished run on another dataset, or once more on its own.",
        epilog=as_typed(EPILOG),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    parser.add_argument(
        "overrides", nargs="*", metavar="name=value", help="data=NAME, data.…, paths.data=FOLDER, trainer.accelerator=…"
    )
    parser.add_argument("-o", "--out", type=Path, metavar="FOLDER", help="default: RUN/evaluations/NAME")
    parser.add_argument("--split", choices=TESTED, default="test", help="which images (default: %(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
