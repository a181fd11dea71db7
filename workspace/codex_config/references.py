"""The files that a configuration of codex names by relative path: pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from ..owner import is_text

# What codex resolves against the directory of the file that says it (codex 0.171).
_ENDINGS = ("_file", "_json", "_path")
_KEYS = frozenset(
    {
        "ca-certificate",
        "client-certificate",
        "client-private-key",
        "js_repl_node_module_dirs",
        "path",
    }
)


def references(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the relative paths that a configuration names, below its own directory."""
    found = {
        value
        for key, value in _strings(values)
        if (key in _KEYS or key.endswith(_ENDINGS)) and is_inside(value)
    }
    return tuple(sorted(found))


def _strings(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        for item in cast("list[object]", value) if isinstance(value, list) else [value]:
            if isinstance(item, str):
                yield key, item
            elif isinstance(item, dict):
                yield from _strings(cast("dict[str, Any]", item))


def is_inside(value: str) -> bool:
    """Tell whether a text is a relative path to something below a directory."""
    parts = value.split("/")
    named = [part for part in parts if part not in ("", ".")]
    return bool(named) and is_text(value) and not value.startswith(("/", "~")) and ".." not in parts
