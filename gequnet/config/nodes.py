"""Walks over a configuration as plain dicts and lists."""

from collections.abc import Iterator, Mapping
from typing import Any

OF_HYDRA = frozenset({"_target_", "_partial_", "_convert_", "_recursive_"})
"""Keys of a node that are no arguments."""


def built_nodes(node: Any, name: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Full name and node of everything with a ``_target_``, at any depth.

    >>> [name for name, _ in built_nodes({"a": {"_target_": "torch.nn.ReLU"}, "b": [{"_target_": "os.system"}]})]
    ['a', 'b[0]']
    """
    if isinstance(node, dict):
        if "_target_" in node:
            yield name, node
        for key, value in node.items():
            yield from built_nodes(value, f"{name}.{key}".lstrip("."))
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from built_nodes(value, f"{name}[{number}]")


def texts(node: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Full name and value of every text; those of a list have the name of the list.

    >>> list(texts({"a": {"paths": ["x", "y"], "number": 3}}))
    [('a.paths', 'x'), ('a.paths', 'y')]
    """
    if isinstance(node, dict):
        for key, value in node.items():
            yield from texts(value, f"{name}.{key}".lstrip("."))
    elif isinstance(node, list):
        for value in node:
            yield from texts(value, name)
    elif isinstance(node, str):
        yield name, node
