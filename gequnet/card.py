"""`card.md`: what a network is, what it has learned from, how well it does and what nobody knows about it."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from omegaconf import DictConfig, OmegaConf

from gequnet.advice import first_sentence
from gequnet.data.source import SPLITS
from gequnet.data.terms import UNKNOWN, Terms, terms_of
from gequnet.errors import ConfigError, GequnetError
from gequnet.report.labels import testing
from gequnet.report.meanings import POOLED, base_of, meaning
from gequnet.report.remarks import recipe
from gequnet.report.runs import Run, find_runs, read_run
from gequnet.report.templates import environment

NAME = "card.md"
MISSING = "not recorded"
FEW = 20  # test images, below which a card warns
FAMILIES = {
    "UNet": "a plain U-Net: no symmetry is built in",
    "E2UNet": "a U-Net whose layers commute with the turns (and mirrors) of its group",
    "ScaleUNet": "a U-Net whose layers commute with magnification, on a window of scales",
}
USES = (
    "Research, teaching, and comparisons of methods, on images like those that it has learned from.",
    "It is not a medical device. No clinical study was made, no authority has seen it, and nobody may be diagnosed or "
    "treated by what it says.",
    "What it has learned from decides what may be done with it: see the licence above before passing it on.",
)
Rows = list[tuple[str, ...]]
Facts = dict[str, str]


def write_card(folder: Path) -> Path:
    """Writes ``card.md`` into the folder of a finished run, from what lies in it: nothing is computed anew.

    Args:
        folder: of the run.

    Returns:
        The path of the card.

    Raises:
        ConfigError: the folder is not that of a finished run.
    """
    if not ((folder / "metrics.json").exists() and (folder / "config.yaml").exists()):
        raise ConfigError(f"{folder} is not the folder of a finished run: expected config.yaml and metrics.json in it.")
    run, cfg = read_run(folder), OmegaConf.load(folder / "config.yaml")
    assert isinstance(cfg, DictConfig)
    text = environment().get_template("card.md.j2").render(contents(run, cfg))
    unfinished = folder / f"{NAME}.part"
    unfinished.write_text(text, encoding="utf-8")
    return unfinished.replace(folder / NAME)


def contents(run: Run, cfg: DictConfig) -> dict[str, Any]:
    """What the card says, by the names of its template."""
    terms, further = _terms(cfg), [each for each in find_runs([run.folder]) if each.evaluation is not None]
    return {
        "title": f"{_named(cfg)}, trained on {cfg.data.name}",
        "about": f"A network that says of every {_pixel(cfg)} of an image {_question(cfg)}. It was trained and tested "
        "by gequnet, which has written this page from what the run has left in its folder.",
        "network": network(run, cfg),
        "data": data(run, cfg, terms),
        "training": training(run, cfg),
        "tested": f"On {len(run.per_image)} whole test images of {cfg.data.name}, on none of which it was trained and "
        "which have selected nothing. The mean is over images, sd their standard deviation (n − 1), n the images that "
        "have the score.",
        "scores": scores(run),
        "notes": list(notes(run)),
        "further": [*(_tested(each) for each in further), *_magnified(run)],
        **symmetry(run, cfg),
        "uses": USES,
        "limits": list(limits(run, cfg, terms, further)),
        "folder": run.folder.resolve().name,
        "image": _image(cfg),
        "returns": _returns(cfg),
    }


def network(run: Run, cfg: DictConfig) -> Facts:
    """Family, group, size and what goes in and out."""
    family = str(cfg.model._target_).rpartition(".")[2]
    chosen = run.metrics["chosen"]
    widths = run.metrics.get("widths") or cfg.model.get("widths")
    unit = {"E2UNet": "fields", "ScaleUNet": "channels for each scale"}.get(family, "channels")
    return {
        "family": FAMILIES.get(family, f"{family}, a network that gequnet does not know"),
        "named in conf/": f"model={chosen['model']} group={chosen['group']}",
        "axes": f"{cfg.data.spatial_dims}",
        "widths": f"{', '.join(map(str, widths))} {unit} from level to level" if widths else MISSING,
        "parameters": f"{run.metrics['parameters']}",
        "channels of an image": f"{cfg.data.in_channels}",
        "classes": ", ".join(cfg.data.class_names),
        "head": f"{cfg.data.head}: "
        + ("classes exclude each other" if cfg.data.head == "softmax" else "a probability for each class"),
        "threshold": _threshold(cfg),
    }


def data(run: Run, cfg: DictConfig, terms: Terms) -> Facts:
    """Which images, whose they are, and which of them did what."""
    images = run.metrics["data"].get("images", {})
    said = {
        "dataset": f"{terms.title} (data={cfg.data.name})",
        "from": terms.home,
        "licence": terms.licence,
        "to be cited": terms.cite,
        "images": ", ".join(f"{count} {split}" for split, count in images.items()) or MISSING,
        "split": f"SHA-256 {run.metrics['data'].get('split_hash') or MISSING}",
    }
    if run.fold is not None:
        said["fold"] = f"{run.fold} of {cfg.data.source.folds} tests; the split above is how images are dealt to folds"
    if cfg.data.get("num_images") is not None:
        said["trained on"] = f"{cfg.data.num_images} of the training images only"
    if cfg.data.get("num_patches") is not None:
        said["trained on places"] = f"{cfg.data.num_patches} only"
    said["intensities"] = f"normalisation={cfg.data.normalisation}"
    if started := run.metrics.get("init_from"):
        before = terms_of(str(started.get("data")))
        said["started from"] = f"a network trained on {before.title} (licence: {before.licence})"
    return said


def training(run: Run, cfg: DictConfig) -> Facts:
    """The recipe, and what it was computed with."""
    elsewhere = ("data", "images trained on", "number of patches", *(f"{split} images" for split in SPLITS))
    said = {name: value for name, value in recipe(run, []).items() if name not in elsewhere}
    sides = cfg.data.patch_size
    said["patch size"] = f"{sides}" if isinstance(sides, int) else " x ".join(map(str, sides))
    said["weight decay"] = str(cfg.optim.get("weight_decay", 0))
    said["seed"] = str(run.seed)
    said["checkpoint"] = (
        f"the one with the best validation Dice, {_number(run.metrics.get('val_best', {}).get('dice'))}"
    )
    versions = run.metrics.get("versions", {})
    said["computed with"] = ", ".join(
        f"{name} {versions[name]}" for name in ("gequnet", "torch", "python") if versions.get(name)
    )
    said["on"] = str(versions.get("device") or MISSING)
    commit = str(versions.get("commit") or MISSING)
    said["commit of gequnet"] = commit.removesuffix("+") + (", with changes since" if commit.endswith("+") else "")
    said["fingerprint of the recipe"] = str(run.metrics.get("fingerprint") or MISSING)
    return said


def scores(run: Run) -> Rows:
    """Each score of the test: mean and deviation over images, how many have it, what it measures."""
    table = run.per_image
    rows: Rows = []
    for name, mean in run.metrics["test"].items():
        if name in table and base_of(name) not in POOLED:
            values = pd.to_numeric(table[name]).dropna()
            deviation = _number(values.std(ddof=1)) if len(values) > 1 else "–"
            rows.append((name, f"{_number(mean)} ± {deviation}", str(len(values)), meaning(name)))
        else:
            how = "all pixels" if base_of(name) in POOLED else "–"
            rows.append((name, _number(mean), how, meaning(name)))
    return rows


def notes(run: Run) -> Iterator[str]:
    """What else there is to say about the scores."""
    yield "1 is perfect and 0 the worst, unless it says otherwise."
    yield "The validation Dice above has selected the checkpoint, and is too good for that."
    if second := run.metrics.get("second_observer"):
        yield f"A second human observer, scored as the network is, has {run.score} {_number(second.get(run.score))}."


def symmetry(run: Run, cfg: DictConfig) -> dict[str, Any]:
    """What was measured of the network's equivariance."""
    measured = run.metrics.get("equivariance")
    if not measured:
        why = " (of volumes it is not)" if cfg.data.spatial_dims == 3 else ""
        return {
            "symmetry": f"How the answer changes when an image is turned was not measured in this run{why}.",
            "errors": [],
        }
    errors = [
        (element, f"{each['error']:.1e}", f"{each['floor']:.1e}" if "floor" in each else "0", _promise(each))
        for element, each in measured.items()
    ]
    words = (
        "Root mean square of f(g·x) − g·f(x) over the standard deviation of g·f(x), on test images, where g turns or "
        "mirrors the image (flip turns it upside down, before the turn): 0 for a network that does not care, about 1.4 "
        "for answers that have nothing to do with each other."
    )
    return {"symmetry": words, "errors": errors}


def limits(run: Run, cfg: DictConfig, terms: Terms, further: Sequence[Run]) -> Iterator[str]:
    """What was not tested, as far as the run's folder shows it."""
    count, elsewhere = len(run.per_image), sorted({each.metrics["data"]["name"] for each in further if each.elsewhere})
    others = [name for name in elsewhere if name != cfg.data.name]
    if terms.drawn:
        yield "It has seen drawings only: what it says about photographs or scans means nothing."
    yield (
        f"It was tested on images from where its training images come from{_and(others)}. Other cameras, scanners, "
        "stains, protocols, hospitals and populations may be another matter; python -m gequnet.evaluate tells."
    )
    if run.metrics.get("init_from"):
        yield "Whether the network that it started from has learned from some of the test images is not known."
    if not run.metrics.get("scales"):
        yield "Images in which things are larger or smaller than in its own (another resolution) were not tested."
    if count < FEW:
        yield f"{count} test images are few: the scores of others may well lie outside of the deviations above."
    fold = " on one part of a cross-validation" if run.fold is not None else ""
    yield f"One training with one seed{fold}: how far another one would be from it is not known from this run."
    yield "Its probabilities were not calibrated: .9 need not be right nine times out of ten."
    if not terms.drawn:
        yield "Who or what is on the images was not looked at: whether it does worse for some of them is not known."
    if terms.licence == UNKNOWN:
        yield "The licence of its images is not known to gequnet: whoever passes the network on has to know it."


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the cards of runs that are finished already; a mistake is one sentence on stderr and exit code 2."""
    parser = argparse.ArgumentParser(prog="python -m gequnet.card", description="Writes card.md into finished runs.")
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="the folder of a run")
    try:
        for folder in parser.parse_args(arguments).runs:
            print(f"card     {write_card(folder)}")
    except GequnetError as error:
        print(first_sentence(str(error)), file=sys.stderr)
        return 2
    return 0


def _terms(cfg: DictConfig) -> Terms:
    return terms_of(cfg.data.name, cfg.data.source.get("task"))


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


def _threshold(cfg: DictConfig) -> str:
    if cfg.data.head == "softmax":
        return "none: the likeliest class is taken"
    by = cfg.get("threshold_by")
    return f"{cfg.metrics.threshold:g}" + (f", of the best {by} on the validation images" if by else ", as given")


def _tested(run: Run) -> tuple[str, ...]:
    familiar = run.metrics.get("seen_in_training", {}) if run.elsewhere else {}
    marks = ", not known whether it has learned from them" if familiar is None else ""
    marks = marks or (", of which it has learned from some" if familiar else "")
    tested = testing(run.evaluation).removeprefix(", tested ") + marks
    return tested, str(len(run.per_image)), f"{_number(run.metrics['test'].get(run.score))} ({run.score})"


def _magnified(run: Run) -> Rows:
    found = run.metrics.get("scales") or {}
    return [
        (
            f"on its test images, {scale} times as large",
            str(len(run.per_image)),
            f"{_number(each.get(run.score))} ({run.score})",
        )
        for scale, each in found.items()
        if scale != "1"
    ]


def _promise(each: dict[str, Any]) -> str:
    return "–" if "in_group" not in each else "yes" if each["in_group"] else "no"


def _number(value: Any) -> str:
    return "not defined" if value is None or pd.isna(value) else f"{value:.4f}"


def _and(names: Sequence[str]) -> str:
    return f", and on {', '.join(names)} (above)" if names else " only"


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
