"""Click types for durations, sizes and seconds, with errors in plain words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from ...supervisor.settings.literals import parse_duration, parse_size

_T = TypeVar("_T")


class _Literal(click.ParamType[_T]):
    def __init__(self, name: str, parse: Callable[[object], _T]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> _T:
        """Return the value in seconds or bytes."""
        try:
            return self._parse(value)
        except ValueError as error:
            self.fail(f"{error}, not {value!r}", param, ctx)


def _parse_seconds(text: object) -> float:
    try:
        seconds = float(str(text))
    except ValueError:
        seconds = -1.0
    if not seconds >= 0:  # true for NaN too
        raise ValueError("expected a number of seconds, 0 or more")
    return seconds


DURATION = _Literal("duration", parse_duration)
"""A duration as people write it: 90s, 2h, 7d."""
SIZE = _Literal("size", parse_size)
"""A size as people write it: 512M, 2G."""
SECONDS = _Literal("seconds", _parse_seconds)
"""A number of seconds, with or without a fraction."""
