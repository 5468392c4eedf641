"""Usage lines and messages have the command as it was typed."""

import os
import sys
from importlib import import_module
from typing import Any

import pytest

from gequnet.__main__ import COMMANDS, main
from gequnet.config.command_line import print_mistake
from gequnet.errors import ConfigError

OTHERS = [name for name in COMMANDS if name != "train"]  # whose --help is Hydra's


def shown(command: str, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    module = COMMANDS[command][0]
    try:
        entry = import_module(f"{module}.__main__")
    except ModuleNotFoundError:
        entry = import_module(module)
    with pytest.raises(SystemExit):
        entry.main(arguments)
    out, err = capsys.readouterr()
    return f"{out}{err}"


@pytest.mark.parametrize("command", OTHERS)
@pytest.mark.parametrize("arguments", [["--help"], []])
def test_usage(
    command: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GEQUNET_TYPED", raising=False)
    assert shown(command, arguments, capsys).startswith(f"usage: python -m {COMMANDS[command][0]} ")
    started: list[Any] = []

    def execve(*how: Any) -> None:
        started.append(how)
        raise SystemExit

    monkeypatch.setattr(os, "execve", execve)
    with pytest.raises(SystemExit):
        main([command, *arguments])
    ((program, words, environment),) = started
    assert (program, words) == (sys.executable, [sys.executable, "-m", COMMANDS[command][0], *arguments])
    monkeypatch.setattr(os, "environ", environment)
    text = shown(command, arguments, capsys)
    assert text.startswith(f"usage: gequnet {command} ")
    assert "python -m" not in text


def test_messages(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    error = ConfigError("python -m gequnet.data verify drive checks it.")
    monkeypatch.delenv("GEQUNET_TYPED", raising=False)
    print_mistake(error)
    monkeypatch.setenv("GEQUNET_TYPED", "data")
    print_mistake(error)
    assert capsys.readouterr().err == (
        "python -m gequnet.data verify drive checks it.\ngequnet data verify drive checks it.\n"
    )
