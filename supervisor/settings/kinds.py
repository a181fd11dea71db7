"""The kinds of values that settings have, each read in two ways.

``plain`` reads what a usual launch says. ``type``, ``before`` and ``bounds`` are what
pydantic is told; it judges whatever ``plain`` refuses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, cast, get_args

from ...agents.registry import AgentName
from .literals import (
    parse_codes,
    parse_duration,
    parse_given,
    parse_limit,
    parse_size,
    parse_size_limit,
    parse_wait,
)

PREFIX = "CODEXLAB_"
# More than any machine has, and few enough to count microseconds of them.
_MOST_CORES = 65_536
# The kernel's own bound of process numbers on 64 bits (pid_max in proc(5)).
_MOST_PROCESSES = 4_194_304
_COUNT = r"(?a)[0-9]{1,9}"
_CORES = r"(?a)[0-9]{1,9}(\.[0-9]{1,9})?"

_Convert = Callable[[Any], Any]


class Kind:
    """How the values of a setting are read. Two dozen dataclasses would cost a launch 1 ms.

    :param plain: returns the value, or raises ValueError or TypeError: let pydantic look.
    :param type: the type that pydantic checks; by default whatever ``before`` returns.
    :param before: what pydantic calls before it checks the type.
    :param bounds: the limits that pydantic checks, by the names that its ``Field`` has.
    :param metavar: the placeholder in ``--help``; empty for a switch.
    """

    def __init__(
        self,
        plain: _Convert,
        type: Any,  # noqa: A002
        before: _Convert | None = None,
        bounds: Mapping[str, Any] | None = None,
        metavar: str = "",
    ) -> None:
        self.plain = plain
        self.type = type
        self.before = before
        self.bounds = bounds
        self.metavar = metavar


def _exactly(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise ValueError
    return value


def _text(value: Any) -> str:
    text: str = _exactly(str, value)
    # Pydantic refuses what is not UTF-8.
    text.encode()
    return text


def _given(value: Any) -> str:
    return _text(parse_given(value))


def _path(value: Any) -> Path:
    return Path(_given(value))


def _switch(value: Any) -> bool:
    switch: bool = _exactly(bool, value)
    return switch


def choice(literal: Any, metavar: str) -> Kind:
    """Return the kind whose values are those of a ``Literal``."""
    choices = get_args(literal)

    def choose(value: Any) -> str:
        if value not in choices:
            raise ValueError
        return str(value)

    return Kind(choose, literal, metavar=metavar)


def listed(kind: Kind) -> str:
    """Return the values of a choice in words, as in "a, b or c"."""
    *others, last = get_args(kind.type)
    return f"{', '.join(others)} or {last}"


def _count(least: int, most: int | None = None) -> Kind:
    def count(value: Any) -> int:
        if type(value) is not int and not re.fullmatch(_COUNT, value):
            raise ValueError
        if int(value) < least or (most is not None and int(value) > most):
            raise ValueError
        return int(value)

    bounds = {"ge": least} if most is None else {"ge": least, "le": most}
    return Kind(count, int, bounds=bounds, metavar="N")


def _cores(value: Any) -> float:
    if not re.fullmatch(_CORES, value) or not 0 < float(value) <= _MOST_CORES:
        raise ValueError
    return float(value)


def _names(value: Any) -> tuple[str, ...]:
    listed = value.split(",") if isinstance(value, str) else _exactly(list, value)
    names = tuple(map(_text, listed))
    return tuple(filter(None, names)) if isinstance(value, str) else names


def _split_names(value: object) -> object:
    return tuple(filter(None, value.split(","))) if isinstance(value, str) else value


def _pairs(value: Any) -> Any:
    raise ValueError(value)


def _split_pairs(value: object) -> object:
    if isinstance(value, str):
        from ...env.policy.assignments import parse_assignment

        return tuple(
            parse_assignment(pair, f"{PREFIX}SET_ENV") for pair in value.split(",") if pair
        )
    return tuple(cast("dict[str, object]", value).items()) if isinstance(value, dict) else value


TEXT = Kind(_given, str, parse_given, metavar="TEXT")
ANY_TEXT = Kind(_text, str, metavar="TEXT")
PATH = Kind(_path, Path, parse_given, metavar="DIR")
SWITCH = Kind(_switch, bool)
DURATION = Kind(parse_duration, float, parse_duration, metavar="DURATION")
TIME_LIMIT = Kind(parse_limit, float | None, parse_limit, metavar="DURATION")
WAIT = Kind(parse_wait, float | None, parse_wait, metavar="DURATION")
SIZE = Kind(parse_size, int, parse_size, metavar="SIZE")
SIZE_LIMIT = Kind(parse_size_limit, int | None, parse_size_limit, metavar="SIZE")
COUNT = _count(0)
PROCESSES = _count(1, _MOST_PROCESSES)
CORES = Kind(
    _cores,
    float,
    bounds={"gt": 0, "le": _MOST_CORES, "allow_inf_nan": False},
    metavar="CORES",
)
CODES = Kind(parse_codes, tuple[int, ...], parse_codes, metavar="CODES")
NAMES = Kind(_names, tuple[str, ...], _split_names)
PAIRS = Kind(_pairs, tuple[tuple[str, str], ...], _split_pairs)
AGENT = choice(AgentName, "NAME")
CARGO_SCOPE = choice(Literal["agent", "worktree", "shared", "off"], "SCOPE")
CONTAINMENT = choice(Literal["auto", "cgroup", "subreaper", "process-group"], "KIND")
SESSIONS = choice(Literal["shared", "issue"], "shared|issue")
