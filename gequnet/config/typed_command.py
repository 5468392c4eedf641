"""Commands in usage lines and messages, as the user types them: `gequnet predict` or `python -m gequnet.predict`."""

import os

TYPED = "GEQUNET_TYPED"
"""Environment variable that `gequnet COMMAND` sets for the process of the command."""
SHORT = {"python -m gequnet.report.model_card": "gequnet card", "python -m gequnet.": "gequnet "}


def as_typed(text: str) -> str:
    """Replace `python -m gequnet.COMMAND` by `gequnet COMMAND` in a text, if that was typed."""
    if TYPED in os.environ:
        for module, command in SHORT.items():
            text = text.replace(module, command)
    return text
