"""`python -m gequnet.report RUNS…`: finished runs become one report."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from gequnet.config.command_line import exit_code
from gequnet.config.migrations import current_words
from gequnet.config.typed_command import as_typed
from gequnet.report.comparability import check_names
from gequnet.report.comparison_page import write_report
from gequnet.report.finished_runs import find_runs
from gequnet.report.wandb_dashboard import save_dashboard, write_dashboard
from gequnet.runs.layout import RunFolder


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the report and print where it is; a user's mistake is one sentence on stderr and exit code 2."""
    parser = argparse.ArgumentParser(
        prog=as_typed("python -m gequnet.report"), description="Compares finished runs, fairly."
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="a run, a sweep, or what contains runs")
    parser.add_argument("--out", type=Path, help="where the report goes (default: a sweep's folder, else ./report)")
    parser.add_argument(
        "--vary", action="append", default=[], metavar="NAME", help="what is compared: augment, optim.lr"
    )
    parser.add_argument("--title", default="", help="of the page")
    parser.add_argument("--reference", default="", metavar="LABEL", help="the arm that all others are compared with")
    parser.add_argument("--no-images", action="store_true", help="no test images: some data may not be passed on")
    parser.add_argument("--dashboard", type=Path, metavar="FILE", help="the runs as a workspace of W&B, as JSON, too")
    parser.add_argument("--save", metavar="ENTITY/PROJECT", help="saves that workspace at W&B, too")
    given = parser.parse_args(arguments)
    return exit_code(lambda: _report(given))


def _report(given: argparse.Namespace) -> int:
    if given.vary:
        check_names(find_runs(given.folders), current_words(given.vary))
    whole = len(given.folders) == 1 and not RunFolder(given.folders[0]).is_run
    out = given.out or (given.folders[0] if whole else Path("report"))
    page = write_report(given.folders, out, given.vary, given.title, not given.no_images, given.reference)
    print(f"report   {page}")
    if given.dashboard:
        print(f"dashboard {write_dashboard(find_runs(given.folders), given.dashboard, given.save or '')}")
    if given.save:
        print(f"dashboard {save_dashboard(find_runs(given.folders), given.save)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
