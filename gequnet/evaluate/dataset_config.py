"""Another dataset in the place of a run's own: composed, made ready as the run's images were, and refused if unfit."""

from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from gequnet.config.compose import CONF, compose, resolve
from gequnet.config.migrations import current_words
from gequnet.errors import ConfigError, unknown_name
from gequnet.evaluate.training_overlap import relocate_data

TYPED = ("paths.data", "paths.cache", "trainer.accelerator")  # beside data= and what begins with one of NODES
NODES = ("data.", "scoring.")
PREPARED = ("side", "spacing", "cubic", "crop")  # in a source, of what is done to an image before a network sees it
ADVICE = {  # what to do where a fact about the data is another one
    "spatial_dims": "take images for a network of the plane, volumes for one of space",
    "in_channels": "take one with as many; data=folder makes pictures grey or coloured, data.in_channels=1 or 3",
    "num_classes": "take one with as many, or say which of its classes are meant, where it has such a setting",
    "head": "a softmax is of classes that exclude each other, a sigmoid of one, or of regions that overlap",
}

Settings = dict[str, Any]


def typed_values(overrides: Sequence[str]) -> Settings:
    """What was typed, by name.

    Raises:
        ConfigError: it is the run's own affair.
    """
    parser = OverridesParser.create()
    values: Settings = {}
    for override in current_words(overrides):
        parsed = parser.parse_override(override)
        name = str(parsed.key_or_group)
        if (
            not (name in (*TYPED, "data") or name.startswith(NODES))
            or parsed.is_delete()
            or parsed.is_sweep_override()
        ):
            raise ConfigError(
                f"{override} cannot be typed here, as all but the data is the run's own: type data=NAME, data.…, "
                f"scoring.… and {', '.join(TYPED)} only."
            )
        if name == "data.normalisation":
            raise ConfigError(
                f"{override}: intensities are scaled as in the run, since its network knows no others: leave it out."
            )
        values[name] = parsed.value()
    return values


def dataset_nodes(cfg: DictConfig, overrides: Sequence[str]) -> tuple[DictConfig, list[str]]:
    """The nodes ``data`` and ``scoring`` of the dataset to be tested, and warnings about it.

    With ``data=`` they come from ``conf/``; without, they are the run's own with what was typed put into them. How
    images are made ready, by which intensities and to which size, is as it was in the run.

    Args:
        cfg: the run's configuration.
        overrides: as typed.

    Raises:
        ConfigError: there is no such dataset, or the network cannot be asked about it.
    """
    values = typed_values(overrides)
    nodes = _composed(overrides) if "data" in values else _own(cfg, values)
    node = nodes.data
    said = list(_prepare(cfg.data, node, values)) if "data" in values else []
    check_fit(cfg.data, node)
    if list(node.class_names) != list(cfg.data.class_names):
        said.append(
            f"The network was trained on {', '.join(cfg.data.class_names)} and is tested on "
            f"{', '.join(node.class_names)}, which are taken for the same."
        )
    return nodes, said


def check_fit(own: DictConfig, other: DictConfig) -> None:
    """Refuses a dataset about which a network cannot be asked.

    Args:
        own: the node ``data`` that it was trained on.
        other: that of the dataset.

    Raises:
        ConfigError: dimension, channels or classes are others.
    """
    for name, advice in ADVICE.items():
        if own[name] != other[name]:
            raise ConfigError(
                f"The network was trained on {own.name} with {_said(own, name)}, and data={other.name} has "
                f"{_said(other, name)}: it cannot be tested on that; {advice}."
            )
    names, theirs = list(own.class_names), list(other.class_names)
    if names != theirs and sorted(names) == sorted(theirs):
        raise ConfigError(
            f"The run's classes are {', '.join(names)}, in this order, and those of data={other.name} "
            f"{', '.join(theirs)}: a class would be compared with another; give the dataset the run's order."
        )


def metrics_node(cfg: DictConfig, nodes: DictConfig) -> DictConfig:
    """The run's scores, with the facts that they take from its data taken from another dataset.

    A value that was chosen for the scores themselves, such as the threshold, stays.
    """
    scores = cfg.metrics.copy()
    own, other = ({**each.data, **each.scoring} for each in (cfg, nodes))
    for name in scores:
        if name in other and scores[name] == own.get(name):
            scores[name] = other[name]
    return scores


def _composed(overrides: Sequence[str]) -> DictConfig:
    if not (CONF / "config.yaml").exists():
        raise ConfigError(
            f"There is no {CONF}, which says what datasets there are: install gequnet from its repository with pip "
            "install -e, or leave data= out to test the run on its own dataset."
        )
    ours = [override for override in overrides if not override.startswith("trainer.")]
    return OmegaConf.masked_copy(resolve(compose([*ours, "paths.run=."])), ["data", "scoring"])


def _own(cfg: DictConfig, values: Settings) -> DictConfig:
    node = relocate_data(cfg.data, cfg.paths.data, values.get("paths.data"))
    if "paths.cache" in values and "cache" in node.source:
        node.source.cache = values["paths.cache"]
    nodes = DictConfig({"data": node, "scoring": cfg.scoring.copy()})
    known = _names(nodes)
    for name, value in values.items():
        if name.startswith(NODES):
            if name not in known:
                raise ConfigError(unknown_name(name, known))
            OmegaConf.update(nodes, name, value, merge=False)
    return nodes


def _prepare(own: DictConfig, node: DictConfig, values: Settings) -> list[str]:
    """Gives the node the run's way of making images ready; what cannot be had is said."""
    said = []
    node.normalisation = own.normalisation
    for name in PREPARED:
        wanted, typed = own.source.get(name), f"data.source.{name}" in values
        if name in node.source and name in own.source and not typed:
            node.source[name] = wanted
        elif name not in node.source and wanted not in (None, False):
            said.append(
                f"The network was trained on images with data.source.{name}={wanted}, which data={node.name} does not "
                "know: its images are tested without."
            )
    return said


def _said(node: DictConfig, name: str) -> str:
    more = f" ({', '.join(node.class_names)})" if name == "num_classes" else ""
    return f"{name}={node[name]}{more}"


def _names(node: Any, prefix: str = "") -> list[str]:
    if not isinstance(node, DictConfig):
        return []
    names = [str(name) for name in node]
    return [prefix + name for name in names] + [
        below for name in names for below in _names(node[name], f"{prefix}{name}.")
    ]
