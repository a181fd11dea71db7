"""Read one record of a rollout: a JSON object on a line.

What we do not know is carried along: records are plain dictionaries, and every
look into one tolerates any type in any place.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeGuard


def parse_record(line: bytes) -> dict[str, Any] | None:
    """Parse a line; None when it is not one JSON object in valid UTF-8."""
    try:
        value = _loads()(line)
    except ValueError:
        return None
    return value if is_object(value) else None


@cache
def _loads() -> Callable[[bytes], Any]:
    import orjson  # only when a record is read: finding rollouts needs none

    return orjson.loads


def is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    """Tell whether a JSON value is an object."""
    return isinstance(value, dict)


def is_list(value: Any) -> TypeGuard[list[Any]]:
    """Tell whether a JSON value is an array."""
    return isinstance(value, list)


def text_of(value: Any) -> str:
    """Return a JSON string, and "" for anything else."""
    return value if isinstance(value, str) else ""
