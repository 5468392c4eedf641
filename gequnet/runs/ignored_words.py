"""Words of the command line that ``resume=FOLDER`` would ignore."""

from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from gequnet.config.compose import CONF, resolve
from gequnet.errors import ConfigError

ALLOWED = ("resume", "paths.run", "paths.runs")  # the folder itself
ABSENT = "absent"


def refuse_ignored(cfg: DictConfig, recipe: DictConfig) -> None:
    """Refuse words that say something else than the folder of the run, whose configuration alone counts.

    Args:
        cfg: the composed configuration of the command line.
        recipe: the configuration in the folder.

    Raises:
        ConfigError: with these words.
    """
    words = [word for word in typed() if word.lstrip("+~").partition("=")[0] not in ALLOWED]
    requested = resolve(cfg)
    ignored = [word for word in words if _differs(word, requested, recipe)]
    if ignored:
        raise ConfigError(
            f"resume={cfg.resume} continues the run as its config.yaml describes it, so it would ignore "
            f"{' '.join(ignored)}: leave that out, or start another run without resume (init_from=FOLDER takes the "
            "weights of a finished one)."
        )


def typed() -> list[str]:
    """The words of the command line, without those of Hydra."""
    return list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else []


def _differs(word: str, cfg: DictConfig, recipe: DictConfig) -> bool:
    name, _, choice = word.lstrip("+~").partition("=")
    return any(_value(cfg, key) != _value(recipe, key) for key in _keys(name, choice, recipe))


def _keys(name: str, choice: str, recipe: DictConfig) -> list[str]:
    """Values that a word decides: one of them, or for a choice of a group its class, its name, or its values."""
    path = CONF / name / f"{choice}.yaml"
    if not path.exists():
        return [name]
    if name in ("experiment", "sweep"):
        return ["chosen"]
    if name in recipe.chosen:
        return [f"chosen.{name}"]
    keys = _leaves(OmegaConf.to_container(OmegaConf.load(path), resolve=False), name)
    return [key for key in keys if key.endswith("._target_")] or keys


def _leaves(node: Any, prefix: str) -> list[str]:
    if not isinstance(node, dict):
        return [prefix]
    return [key for name, value in node.items() if name != "defaults" for key in _leaves(value, f"{prefix}.{name}")]


def _value(cfg: DictConfig, key: str) -> Any:
    found = OmegaConf.select(cfg, key, default=ABSENT)
    return OmegaConf.to_container(found) if OmegaConf.is_config(found) else found
