"""Passwords and keys are kept out of configurations, which are written down, logged, sent, and copied with a run."""

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from gequnet.errors import ConfigError

NAME = re.compile(r"(^|[._])(api_?key|token|secret|password|passwd|credentials?)$", re.IGNORECASE)
SHORTEST = 8  # of a text that is looked for: a shorter one turns up in others by chance


def refuse_secrets(settings: Mapping[Any, Any], environment: Mapping[str, str] = os.environ) -> None:
    """Refuses texts that are secrets by their names, or by the name of the environment variable that holds the same.

    Args:
        settings: values by name, in dicts and lists to any depth.
        environment: variables by name.

    Raises:
        ConfigError: names the value, and does not repeat it.

    >>> refuse_secrets({"data.name": "drive", "data.token": None})
    >>> refuse_secrets({"notes": ["by wandb_v1_12345"]}, {"WANDB_API_KEY": "wandb_v1_12345"})
    Traceback (most recent call last):
      ...
    gequnet.errors.ConfigError: notes.0 holds what WANDB_API_KEY is: ...
    """
    secrets = {name: text for name, text in environment.items() if NAME.search(name) and len(text) >= SHORTEST}
    for name, value in _texts(settings, ""):
        held = next((f"what {key} is" for key, text in secrets.items() if text in value), "")
        if held or (value and NAME.search(name)):
            raise ConfigError(
                f"{name} holds {held or 'a secret'}: a configuration is written into the run's folder and sent to its "
                "loggers, so leave it out, and give the secret in the environment to the library that needs it."
            )


def _texts(node: Any, name: str) -> Iterator[tuple[str, str]]:
    pairs = node.items() if isinstance(node, Mapping) else enumerate(node) if isinstance(node, list) else ()
    for key, value in pairs:
        yield from _texts(value, f"{name}.{key}".lstrip("."))
    if isinstance(node, str):
        yield name, node
