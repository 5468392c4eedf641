"""`python -m gequnet.data`: list, verify and download datasets."""

import argparse
import json
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from omegaconf import DictConfig
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from gequnet.config.build import build
from gequnet.config.command_line import exit_code
from gequnet.config.compose import compose, resolve
from gequnet.config.explain import choices
from gequnet.config.typed_command import as_typed
from gequnet.data.download.catalogue import CATALOGUE, DECATHLON, CatalogueEntry, RemoteFile, catalogue_entry
from gequnet.data.download.download import download, unpack
from gequnet.data.download.http import Report
from gequnet.data.download.verify import Verification, verify
from gequnet.data.source import SPLITS
from gequnet.errors import ConfigError, unknown_choice

SHOWN = 20  # problems that are printed without --all
COLOURS = {"complete": "green", "partial": "yellow", "broken": "red"}
EPILOG = """examples:
  python -m gequnet.data list
  python -m gequnet.data verify drive --root ~/datasets
  python -m gequnet.data verify msd data.source.task=Task09_Spleen data.class_names=[background,spleen]
  python -m gequnet.data download stare --root ~/datasets
  python -m gequnet.data download chase --from ~/Downloads/CHASEDB1.zip

verify exits with 0 for a complete dataset or a usable part of one, and with 1 for a broken one. Every command exits
with 2 after any other error, with one sentence on stderr."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. An error gives one sentence on stderr and exit code 2."""
    given = _parsed(arguments)
    typed = [f"data={given.name}", *given.overrides] if "name" in given else []
    logging.getLogger("gequnet").setLevel(logging.ERROR)  # log lines of the checks are in the findings, too
    stopped = "Stopped; the part that was downloaded is kept."
    return exit_code(lambda: int(given.run(given)), typed, stopped)


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The arguments, with the dataset and its values in any order, also between options."""
    parser = _parser()
    given, rest = parser.parse_known_args(arguments)
    words = [given.name, *given.overrides, *rest] if "name" in given else rest
    names = [word for word in words if "=" not in word and not word.startswith("~")]
    if any(word.startswith("-") for word in words) or len(names) != int("name" in given):
        parser.error(f"expected one dataset and name=value, got {' '.join(words)}")
    if "name" in given:
        [given.name] = names
        given.overrides = [word for word in words if word not in names]
    return given


def _parser() -> argparse.ArgumentParser:
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog=as_typed("python -m gequnet.data"),
        description=as_typed(__doc__ or ""),
        epilog=as_typed(EPILOG),
        formatter_class=plain,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    listing = commands.add_parser("list", help="list all datasets, their licences, and how they are downloaded")
    listing.set_defaults(run=_list)
    checking = commands.add_parser("verify", help="load every image of a dataset and report errors")
    checking.set_defaults(run=_verify)
    checking.add_argument("--json", action="store_true", help="print JSON")
    fetching = commands.add_parser("download", help="download a dataset and verify it; a second call resumes the first")
    fetching.set_defaults(run=_download, json=False)
    fetching.add_argument(
        "--from", dest="archive", type=Path, metavar="FILE", help="an archive that was downloaded by hand"
    )
    fetching.add_argument("--no-verify", action="store_true", help="do not verify the images afterwards")
    for command in (checking, fetching):
        command.add_argument("name", metavar="NAME", help="the dataset, as in data=NAME")
        command.add_argument("overrides", nargs="*", metavar="name=value", help="values of the configuration")
        command.add_argument("--root", metavar="FOLDER", help="folder of the datasets (paths.data)")
        command.add_argument("--all", action="store_true", help=f"print all problems, not only the first {SHOWN}")
    return parser


def _list(given: argparse.Namespace) -> int:
    table = Table(box=None, header_style="bold")
    for column in ("data=", "dataset", "licence", "download"):
        table.add_column(column, no_wrap=column == "data=")
    for name in sorted([*CATALOGUE, "msd"]):
        address = catalogue_entry(name)
        table.add_row(name, address.title, address.licence, "by hand" if address.by_hand else "automatic")
    Console().print(table)
    return 0


def _verify(given: argparse.Namespace) -> int:
    cfg = _composed(given)
    address = None if _is_own_task(given.name, cfg) else _address(given.name, cfg)
    with _progress("loading images", MofNCompleteColumn()) as start:
        found = verify(build(cfg.data), address.size if address else (), start(""))
    if given.json:
        print(json.dumps({"verdict": found.verdict, **asdict(found)}, indent=1))
    else:
        _print(found, given.all)
        if found.verdict == "broken" and address:
            _print_line(f"  python -m gequnet.data download {given.name} shows where it comes from: {address.home}")
    return int(found.verdict == "broken")


def _download(given: argparse.Namespace) -> int:
    cfg = _composed(given)
    address, root = _address(given.name, cfg), Path(cfg.paths.data)
    if address is None:
        raise ConfigError(f"data={given.name} has no files at a known address: there is nothing to download.")
    for heading, text in (("", address.title), ("licence  ", address.licence), ("cite     ", address.cite)):
        _print_line(f"{heading}{text}")
    if given.archive:
        folder = unpack(given.name, address, root, given.archive)
    else:
        with _progress("", DownloadColumn()) as start:
            folder = download(given.name, address, root, lambda parcel: _announce(start, parcel))
    _print_line(f"folder   {folder}")
    return 0 if given.no_verify else _verify(given)


def _announce(start: Callable[[str], Report], parcel: RemoteFile) -> Report:
    _print_line(f"from     {parcel.url}")
    return start(parcel.name)


def _composed(given: argparse.Namespace) -> DictConfig:
    """The configuration, without a cache, so that verifying a dataset writes nothing."""
    known = choices()["data"]
    if given.name not in known:
        raise ConfigError(unknown_choice("data", given.name, known))
    root = [f"paths.data={json.dumps(given.root)}"] if given.root else []
    return resolve(compose([f"data={given.name}", "paths.run=.", "paths.cache=null", *root, *given.overrides]))


def _address(name: str, cfg: DictConfig) -> CatalogueEntry | None:
    if name == "msd":
        return catalogue_entry(name, cfg.data.source.task)
    return CATALOGUE.get(name)


def _is_own_task(name: str, cfg: DictConfig) -> bool:
    """True for volumes of the user in the layout of the Decathlon."""
    return name == "msd" and cfg.data.source.task not in DECATHLON


def _print(found: Verification, everything: bool) -> None:
    """Print the findings: the verdict, a table of the splits, then sentences."""
    colour = COLOURS[found.verdict]
    Console().print(f"{found.name} is [{colour}]{found.verdict}[/{colour}]", highlight=False)
    table = Table(box=None, header_style="bold")
    for column in ("", "images", "good", "missing", "damaged"):
        table.add_column(column, justify="right")
    for split in SPLITS if found.expected else ():
        wrong = {(problem.id, problem.kind) for problem in found.problems if problem.split == split}
        counts = [sum(kind == of for _, of in wrong) for kind in ("missing", "damaged")]
        table.add_row(split, *map(str, (found.expected[split], found.good[split], *counts)))
    if found.expected:
        Console().print(table)
    if found.sizes:
        each = [f"{size} ({count})" for size, count in found.sizes.items()]
        _print_line(f"  sizes    {', '.join(each[:6])}{f' and {len(each) - 6} more' if len(each) > 6 else ''}")
        _print_line(
            f"  labels   {', '.join(f'{name} {share:.1%}' for name, share in found.labels.items())} of the valid pixels"
        )
    taken = "A training would start." if not found.refusal else f"A training would not start: {found.refusal}"
    for sentence in (*found.left_out, *found.notes, taken):
        _print_line(f"  {sentence}")
    shown = found.problems if everything else found.problems[:SHOWN]
    for problem in shown:
        if problem.sentence != found.refusal:
            _print_line(f"  {problem.sentence}")
    if len(found.problems) > len(shown):
        _print_line(f"  … and {len(found.problems) - len(shown)} more; --all prints them.")


def _print_line(sentence: str) -> None:
    print(as_typed(sentence), flush=True)


@contextmanager
def _progress(what: str, count: MofNCompleteColumn | DownloadColumn) -> Iterator[Callable[[str], Report]]:
    """Progress bars on stderr in a terminal; yields a function that starts a bar and returns its update."""
    columns = (TextColumn("{task.description}"), BarColumn(), count, TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bars:

        def start(name: str) -> Report:
            row = bars.add_task(what or name, total=None)
            return lambda done, total: bars.update(row, completed=done, total=total)

        yield start


if __name__ == "__main__":
    sys.exit(main())
