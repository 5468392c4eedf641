"""Model card `card.md` of a run: network, training data, training, scores, intended use, limitations."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from gequnet.config.command_line import exit_code
from gequnet.config.typed_command import as_typed
from gequnet.data.download.licences import terms_of
from gequnet.data.formats.atomic_write import atomic_path
from gequnet.errors import ConfigError
from gequnet.report.finished_runs import Run, find_runs, read_run
from gequnet.report.model_card_evidence import (
    equivariance_evidence,
    further_tests,
    limitations,
    score_notes,
    score_rows,
)
from gequnet.report.model_card_facts import data_facts, network_facts, training_facts
from gequnet.report.templates import environment
from gequnet.runs.layout import RunFolder
from gequnet.runs.run_folder import load_config

USES = (
    "Research, teaching, and comparison of methods, on images like its training images.",
    "It is not a medical device. There is no clinical study and no approval by an authority: do not use its "
    "predictions for diagnosis or treatment.",
    "The licence of its training images, above, may restrict its use: check it before you share the network.",
)


def write_card(folder: Path) -> Path:
    """Write ``card.md`` into the folder of a finished run, from the files in it; nothing is computed again.

    Args:
        folder: of the run.

    Returns:
        The path of the card.

    Raises:
        ConfigError: the folder is not that of a finished run.
    """
    files = RunFolder(folder)
    if not (files.is_finished and files.is_run):
        raise ConfigError(f"{folder} is not the folder of a finished run: expected config.yaml and metrics.json in it.")
    run, cfg = read_run(folder), load_config(folder)
    text = environment().get_template("model_card.md.j2").render(card_values(run, cfg))
    with atomic_path(files.card) as part:
        part.write_text(text, encoding="utf-8")
    return files.card


def card_values(run: Run, cfg: DictConfig) -> dict[str, Any]:
    """Values of the card's template, by name."""
    terms = terms_of(cfg.data.name, cfg.data.source.get("task"))
    further = [each for each in find_runs([run.folder]) if each.evaluation is not None]
    return {
        "title": f"{_named(cfg)}, trained on {cfg.data.name}",
        "about": f"A network that predicts for every {_pixel(cfg)} of an image {_question(cfg)}. It was trained and "
        "tested by gequnet, which has written this page from the files in the run's folder.",
        "network": network_facts(run, cfg),
        "data": data_facts(run, cfg, terms),
        "training": training_facts(run, cfg),
        "tested": f"On {len(run.per_image)} whole test images of {cfg.data.name}, which were used neither for training "
        "nor for the selection of the checkpoint. The mean is over images, sd is their standard deviation (n − 1), n "
        "is the number of images that have the score.",
        "scores": score_rows(run),
        "notes": list(score_notes(run)),
        "further": further_tests(run, further),
        **equivariance_evidence(run, cfg),
        "uses": USES,
        "limits": list(limitations(run, cfg, terms, further)),
        "folder": run.folder.resolve().name,
        "image": _image(cfg),
        "returns": _returns(cfg),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the cards of finished runs; a user's mistake is one sentence on stderr and exit code 2."""
    parser = argparse.ArgumentParser(
        prog=as_typed("python -m gequnet.report.model_card"), description="Writes card.md into finished runs."
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="the folder of a run")
    given = parser.parse_args(arguments)
    return exit_code(lambda: _write_cards(given.runs))


def _write_cards(folders: Sequence[Path]) -> int:
    for folder in folders:
        print(f"card     {write_card(folder)}")
    return 0


def _named(cfg: DictConfig) -> str:
    group = cfg.chosen.group
    return f"{cfg.chosen.model} {'' if group == 'none' else group}".strip()


def _pixel(cfg: DictConfig) -> str:
    return "voxel" if cfg.data.spatial_dims == 3 else "pixel"


def _question(cfg: DictConfig) -> str:
    names = list(cfg.data.class_names)
    if cfg.data.head == "softmax":
        return f"which of {', '.join(names[:-1])} and {names[-1]} it is"
    return f"whether it is {names[0]}" if len(names) == 1 else f"in which of {', '.join(names)} it lies"


def _image(cfg: DictConfig) -> str:
    channels = cfg.data.in_channels
    if cfg.data.spatial_dims == 3:
        return "[X, Y, Z]" if channels == 1 else f"[{channels}, X, Y, Z]"
    return "[H, W]" if channels == 1 else f"[H, W, {channels}]"


def _returns(cfg: DictConfig) -> str:
    names = list(cfg.data.class_names)
    if cfg.data.head == "softmax":
        return f"The mask holds {', '.join(f'{number} for {name}' for number, name in enumerate(names))}."
    if len(names) == 1:
        return f"The mask holds 1 for {names[0]} and 0 for everything else."
    return f"There is a mask of 0 and 1 for each of {', '.join(names)}, in this order."


if __name__ == "__main__":
    sys.exit(main())
