"""`gequnet COMMAND …`: every command of the package under one name. Each is also `python -m gequnet.COMMAND`."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import gequnet
from gequnet.config.command_line import exit_code
from gequnet.config.extras import require_extra
from gequnet.config.typed_command import TYPED

COMMANDS = {
    "train": ("gequnet.train", "train, test and report one network, or with -m a sweep of them"),
    "predict": ("gequnet.predict", "segment files with a trained network"),
    "evaluate": ("gequnet.evaluate", "test a finished run on another dataset"),
    "export": ("gequnet.export", "write a trained network as ONNX, PT2 or safetensors"),
    "report": ("gequnet.report", "compare finished runs"),
    "data": ("gequnet.data", "list, download and verify datasets"),
    "card": ("gequnet.report.model_card", "write the model card of finished runs"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command in place of this process; without its dependencies, print one sentence and return exit code 2."""
    given = _parser().parse_args(arguments)
    return exit_code(lambda: run_command(given.command, given.words))


def run_command(command: str, words: Sequence[str]) -> NoReturn:
    """Replace this process by ``python -m MODULE …``.

    The process must be one that can be typed again: ``trainer=ddp`` and the jobs of a sweep start further ones with
    the same command.

    Args:
        command: a name of ``COMMANDS``.
        words: what follows it on the command line.

    Raises:
        MissingExtraError: the extra ``train`` is not installed.
    """
    require_extra("train")
    environment = {**os.environ, TYPED: command}
    os.execve(sys.executable, [sys.executable, "-m", COMMANDS[command][0], *words], environment)


def _parser() -> argparse.ArgumentParser:
    lines = "\n".join(f"  {name:<10}{text}" for name, (_, text) in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="gequnet",
        description="Segmentation with equivariant networks.",
        epilog=f"commands:\n{lines}\n\n`gequnet COMMAND --help` describes a command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"gequnet {gequnet.__version__}")
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help="one of those below")
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="…", help="its arguments")
    return parser


if __name__ == "__main__":
    sys.exit(main())
