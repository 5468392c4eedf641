"""Configuration of a dataset for the test of a run: composed, with the run's preprocessing, and checked to fit."""

from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from gequnet.config.compose import CONF, compose, resolve
from gequnet.config.migrations import current_words
from gequnet.errors import ConfigError, unknown_name
from gequnet.evaluate.training_overlap import relocate_data

TYPED = ("paths.data", "paths.cache", "trainer.accelerator")  # allowed overrides, besides data= and those of NODES
NODES = ("data.", "scoring.")
PREPARED = ("side", "spacing", "cubic", "crop")  # arguments of a source for the preprocessing of images
ADVICE = {  # by the fact in which the datasets differ
    "spatial_dims": "use images with a 2-D network, volumes with a 3-D network",
    "in_channels": "use one with the same number; data=folder reads grey or colour images, data.in_channels=1 or 3",
    "num_classes": "use one with the same number, or select classes if the dataset has a setting for it",
    "head": "a softmax is for exclusive classes, a sigmoid for one class or for overlapping regions",
}

Settings = dict[str, Any]


def typed_values(overrides: Sequence[str]) -> Settings:
    """Values of overrides, by name.

    Raises:
        ConfigError: an override is not about the data.
    """
    parser = OverridesParser.create()
    values: Settings = {}
    for override in current_words(overrides):
        parsed = parser.parse_override(override)
        name = str(parsed.key_or_group)
        if not (name in (*TYPED, "data") or name.startswith(NODES)) or parsed.is_delete() or parsed.is_sweep_override():
            raise ConfigError(
                f"{override} cannot be typed here, as everything but the data is fixed by the run. Allowed are "
                f"data=NAME, data.…, scoring.… and {', '.join(TYPED)}."
            )
        if name == "data.normalisation":
            raise ConfigError(
                f"{override}: intensities are scaled as in the run, for which its network was trained: leave it out."
            )
        values[name] = parsed.value()
    return values


def dataset_nodes(cfg: DictConfig, overrides: Sequence[str]) -> tuple[DictConfig, list[str]]:
    """Nodes ``data`` and ``scoring`` of the test dataset, and warnings about it.

    With ``data=`` they come from ``conf/``; without, they are the run's own with the overrides. The preprocessing of
    images, such as normalisation and size, is that of the run.

    Args:
        cfg: the run's configuration.
        overrides: of the command line.

    Raises:
        ConfigError: the dataset does not exist, or does not fit the network.
    """
    values = typed_values(overrides)
    nodes = _composed(overrides) if "data" in values else _own(cfg, values)
    node = nodes.data
    warnings = list(_prepare(cfg.data, node, values)) if "data" in values else []
    check_fit(cfg.data, node)
    if list(node.class_names) != list(cfg.data.class_names):
        warnings.append(
            f"The network was trained on {', '.join(cfg.data.class_names)} and is tested on "
            f"{', '.join(node.class_names)}, which are taken for the same."
        )
    return nodes, warnings


def check_fit(own: DictConfig, other: DictConfig) -> None:
    """Refuse a dataset that does not fit the network of a run.

    Args:
        own: node ``data`` of the run.
        other: node ``data`` of the dataset.

    Raises:
        ConfigError: dimension, channels, classes or head differ.
    """
    for name, advice in ADVICE.items():
        if own[name] != other[name]:
            raise ConfigError(
                f"The network was trained on {own.name} with {_fact(own, name)}, and data={other.name} has "
                f"{_fact(other, name)}: it cannot be tested on that; {advice}."
            )
    names, theirs = list(own.class_names), list(other.class_names)
    if names != theirs and sorted(names) == sorted(theirs):
        raise ConfigError(
            f"The run's classes are {', '.join(names)}, in this order, and those of data={other.name} "
            f"{', '.join(theirs)}: a class would be compared with another; give the dataset the run's order."
        )


def metrics_node(cfg: DictConfig, nodes: DictConfig) -> DictConfig:
    """Node ``metrics`` of the run, with the facts about data replaced by those of another dataset.

    A value that does not come from the data, such as the threshold, stays.
    """
    scores = cfg.metrics.copy()
    own, other = ({**each.data, **each.scoring} for each in (cfg, nodes))
    for name in scores:
        if name in other and scores[name] == own.get(name):
            scores[name] = other[name]
    return scores


def _composed(overrides: Sequence[str]) -> DictConfig:
    if not CONF.is_dir():
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
    """Set the run's preprocessing in the node; return warnings about the settings that the dataset does not have."""
    warnings = []
    node.normalisation = own.normalisation
    for name in PREPARED:
        wanted, typed = own.source.get(name), f"data.source.{name}" in values
        if name in node.source and name in own.source and not typed:
            node.source[name] = wanted
        elif name not in node.source and wanted not in (None, False):
            warnings.append(
                f"The network was trained on images with data.source.{name}={wanted}, which data={node.name} does not "
                "know: its images are tested without."
            )
    return warnings


def _fact(node: DictConfig, name: str) -> str:
    more = f" ({', '.join(node.class_names)})" if name == "num_classes" else ""
    return f"{name}={node[name]}{more}"


def _names(node: Any, prefix: str = "") -> list[str]:
    if not isinstance(node, DictConfig):
        return []
    names = [str(name) for name in node]
    return [prefix + name for name in names] + [
        below for name in names for below in _names(node[name], f"{prefix}{name}.")
    ]
