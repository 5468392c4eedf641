"""Check of the values of a configuration against the annotated arguments of the classes that take them."""

import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Optional, get_type_hints

from annotated_types import Interval, MinLen
from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticUndefinedAnnotation, PydanticUserError

from gequnet.config.nodes import OF_HYDRA, built_nodes
from gequnet.errors import ConfigError, nearest_names
from gequnet.ranges import Count, Natural, Nonnegative, Positive

TOP: dict[str, Any] = {
    "seed": Annotated[int, Interval(ge=0, lt=2**32)],
    "validations": Count,
    "largest_batch": Count,
    "forecast": bool,
    "auto_batch": bool,
    "scales": Annotated[Sequence[Positive], MinLen(1)] | None,
    "threshold_by": str | None,
    "init_from": str | None,
    "resume": str | None,
    "budget": str,
    "steps": dict[str, Natural],
    "optim.lr": Nonnegative,
    "optim.weight_decay": Nonnegative,
    "trainer.gradient_clip_val": Nonnegative | None,
}
"""Types of the values that belong to no class, or to one of another library that states no range."""

WORDS = {
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "a valid string": "a text",
    "a valid boolean": "true or false",
    "a valid array": "a list",
    "an object": "names with values",
    "a valid dictionary": "names with values",
    "greater than or equal to": "at least",
    "less than or equal to": "at most",
    "greater than": "above",
    "less than": "below",
    "Value should have": "a list of",
    " after validation": "",
}
"""Words of pydantic, and those of our messages."""

STRICT = ConfigDict(strict=True, allow_inf_nan=False, arbitrary_types_allowed=True)


def check_values(cfg: DictConfig) -> None:
    """Check that every value has the type and the range of the argument that takes it, or of ``TOP``.

    Arguments without an annotation, or with one that no text can have, are not checked. Of several values that do not
    fit, the one is named that was written, not those that refer to it.

    Args:
        cfg: composed; not changed.

    Raises:
        ConfigError: a value does not fit, or there is no such argument.
    """
    plain = OmegaConf.to_container(cfg, resolve=True)
    raw = OmegaConf.to_container(cfg, resolve=False)
    named = [(name, found[0], hint) for name, hint in TOP.items() if (found := _at(plain, name))]
    named += [each for name, node in built_nodes(plain) for each in _arguments(name, node)]
    for written in (True, False):
        for name, value, hint in named:
            if written != _is_reference(raw, name):
                check_value(name, value, hint)


def _arguments(name: str, node: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Full name, value and type of each argument of a node; without those that are objects themselves."""
    hints = hints_of(str(node["_target_"]))
    for argument, value in node.items():
        if argument in OF_HYDRA or argument == "_args_" or next(built_nodes(value), None):
            continue
        if argument not in hints and "**" not in hints:
            raise ConfigError(_unknown(f"{name}.{argument}", argument, list(hints)))
        yield f"{name}.{argument}", value, hints.get(argument, Any)


def _is_reference(raw: Any, name: str) -> bool:
    """True if the value of this name refers to another one."""
    return any(isinstance(value, str) and "${" in value for value in _at(raw, name))


def _at(node: Any, name: str) -> list[Any]:
    """The value of this name as a list, which is empty if there is none."""
    for part in name.split("."):
        if not isinstance(node, dict) or part not in node:
            return []
        node = node[part]
    return [node]


def check_value(name: str, value: Any, hint: Any) -> None:
    """Check a value, as YAML has it, against a type with limits.

    >>> check_value("data.min_valid", 0.5, float)
    >>> check_value("data.batch_size", "many", int)
    Traceback (most recent call last):
      ...
    gequnet.errors.ConfigError: data.batch_size=many must be a whole number.

    Raises:
        ConfigError: it does not fit.
    """
    try:
        TypeAdapter(hint, config=STRICT).validate_json(json.dumps(value))  # where a list may be a tuple, a text a path
    except (PydanticUserError, PydanticUndefinedAnnotation):  # a type that pydantic does not know
        return
    except ValidationError as error:
        # Of a union each part has a reason. That of an object is that a text is none.
        found = [each["msg"] for each in error.errors() if each["type"] != "needs_python_object"]
        reasons = dict.fromkeys(map(_plain, found))
        if not reasons:
            return
        raise ConfigError(f"{name}={_shown(value)} must be {', or '.join(reasons)}.") from None


def _plain(reason: str) -> str:
    """A reason of pydantic in the words of YAML and of the field."""
    reason = reason.removeprefix("Input should be ")
    for theirs, ours in WORDS.items():
        reason = reason.replace(theirs, ours)
    return reason


def hints_of(target: str) -> dict[str, Any]:
    """The annotation of each argument, ``Any`` without one; ``**`` if it takes arguments of any name."""
    called = get_object(target)
    function = called.__init__ if inspect.isclass(called) else called
    try:
        hints = get_type_hints(function, include_extras=True)
    except (NameError, TypeError):
        hints = {}
    found: dict[str, Any] = {}
    for name, each in inspect.signature(called).parameters.items():
        hint = hints.get(name, Any)
        hint = Optional[hint] if each.default is None else hint  # noqa: UP045  # an annotation may be any object
        found["**" if each.kind is inspect.Parameter.VAR_KEYWORD else name] = hint
    return found


def _unknown(full: str, argument: str, known: list[str]) -> str:
    near = nearest_names(argument, known)
    hint = f"the nearest is {near[0]}" if near else f"there are {', '.join(known)}"
    return f"There is no {full}: {hint}."


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
