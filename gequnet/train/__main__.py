"""`python -m gequnet.train`, in a checkout also `python run.py`: one training, or with `-m` a sweep of them."""

import os
import sys
from collections.abc import Sequence
from typing import Any

from gequnet.config.command_line import exit_code, print_mistake
from gequnet.config.extras import require_extra
from gequnet.errors import ConfigError, GequnetError, unknown_choice


def main(arguments: Sequence[str] | None = None) -> int:
    """Train; the words are put into ``sys.argv``, which Hydra and the processes of ``trainer=ddp`` read as well."""
    if arguments is not None:
        sys.argv[1:] = arguments
    os.environ["HYDRA_FULL_ERROR"] = "1"  # so that Hydra raises errors instead of printing them
    return exit_code(compose_and_train, sys.argv[1:])


def compose_and_train() -> int:
    """Compose the configuration, and train, or sweep, with it."""
    require_extra("train")
    import hydra

    from gequnet.config.compose import CONF
    from gequnet.config.migrations import current_words
    from gequnet.config.secrets import refuse_secrets
    from gequnet.train.new_folders import remove_new_folders

    typed = {name.lstrip("+~"): value for name, _, value in (word.partition("=") for word in sys.argv[1:])}
    refuse_secrets(typed)  # before Hydra writes them into a file
    refuse_empty_paths(sys.argv[1:])  # and before it makes a folder
    refuse_no_choice(sys.argv[1:])
    sys.argv[1:] = current_words(sys.argv[1:])
    try:
        hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(train)()
    finally:
        remove_new_folders()
    return 0


def refuse_empty_paths(words: Sequence[str]) -> None:
    """Refuse ``paths.runs=`` and the like, as an unset variable of a shell leaves them: the disk's root would be meant.

    Raises:
        ConfigError: one of the words is such a path.
    """
    for word in words:
        name, _, value = word.partition("=")
        if "=" in word and name.lstrip("+").startswith("paths.") and not value.strip("'\" "):
            raise ConfigError(f"{name}= is empty: give a folder, or leave it out.")


def refuse_no_choice(words: Sequence[str]) -> None:
    """Refuse ``model=null``: a group of ``conf/`` has choices, and Hydra has no sentence about it.

    Raises:
        ConfigError: one of the words is such a choice.
    """
    from gequnet.config.explain import choices

    for word in words:
        group, _, value = word.partition("=")
        if value in ("null", "None", "~") and group in (known := choices()):
            raise ConfigError(unknown_choice(group, value, known[group]))


def train(cfg: Any) -> float:
    """Run one experiment.

    Args:
        cfg: the composed configuration, a ``DictConfig``.

    Returns:
        The best validation Dice.
    """
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    from gequnet import experiment  # Lightning takes seconds that --help can do without

    try:
        return experiment.run(cfg)
    except GequnetError as error:
        if HydraConfig.get().mode == RunMode.MULTIRUN:  # the sweep notes the failure and goes on
            raise
        sys.exit(print_mistake(error))


if __name__ == "__main__":
    sys.exit(main())
