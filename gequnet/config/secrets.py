"""Check for passwords and keys in a configuration, which is saved, logged, uploaded and copied with a run."""

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from gequnet.errors import ConfigError

NAME = re.compile(r"(^|[._])(api_?key|token|secret|password|passwd|credentials?)$", re.IGNORECASE)
SHORTEST = 8  # letters of a secret that is searched for; a shorter text may occur in others by chance


def refuse_secrets(settings: Mapping[Any, Any], environment: Mapping[str, str] = os.environ) -> None:
    """Refuse settings that hold a secret, by their own name or because a secret environment variable has their value.

    Args:
        settings: values by name, nested in dicts and lists.
        environment: variables by name.

    Raises:
        ConfigError: a setting holds a secret; the message names the setting, not its value.

    >>> refuse_secrets({"data.name": "drive", "data.token": None})
    >>> refuse_secrets({"notes": ["by wandb_v1_12345"]}, {"WANDB_API_KEY": "wandb_v1_12345"})
    Traceback (most recent call last):
      ...
    gequnet.errors.ConfigError: notes.0 holds the value of WANDB_API_KEY: ...
    """
    secrets = {name: text for name, text in environment.items() if NAME.search(name) and len(text) >= SHORTEST}
    for name, value in _texts(settings, ""):
        held = next((f"the value of {key}" for key, text in secrets.items() if text in value), "")
        if held or (value and NAME.search(name)):
            raise ConfigError(
                f"{name} holds {held or 'a secret'}: a configuration is saved in the run folder and sent to loggers, "
                "so leave it out, and set the secret as an environment variable for the library that needs it."
            )


def _texts(node: Any, name: str) -> Iterator[tuple[str, str]]:
    pairs = node.items() if isinstance(node, Mapping) else enumerate(node) if isinstance(node, list) else ()
    for key, value in pairs:
        yield from _texts(value, f"{name}.{key}".lstrip("."))
    if isinstance(node, str):
        yield name, node
