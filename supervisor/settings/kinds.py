"""The kinds of values that settings have, each read in two ways.

``plain`` reads what a usual launch says. ``type``, ``before`` and ``bounds`` are what
pydantic is told; it judges whatever ``plain`` refuses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, cast

from ...agents.agent_name import AgentName
from ...agents.network import NetworkAccess
from ...env.cargo import CargoScope
from ...workspace.users_codex_home import SessionMode
from ..containment_choice import ContainmentChoice
from .literals import (
    check_passed_name,
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
    :param said: any of the attributes below.
    """

    metavar: str = ""
    """The placeholder in ``--help``; empty for a switch."""
    expected: str = ""
    """What an error says that pydantic finds; where it is empty, pydantic's own words."""

    def __init__(
        self,
        plain: _Convert,
        type: Any,  # noqa: A002
        before: _Convert | None = None,
        bounds: Mapping[str, Any] | None = None,
        **said: str,
    ) -> None:
        self.plain = plain
        self.type = type
        self.before = before
        self.bounds = bounds
        self.__dict__.update(said)


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


def choice(vocabulary: type[StrEnum], metavar: str) -> Kind:
    """Return the kind whose values are the words of a vocabulary."""
    return Kind(vocabulary, vocabulary, metavar=metavar)


def listed(kind: Kind) -> str:
    """Return the values of a choice in words, as in "a, b or c"."""
    *others, last = kind.type
    return f"{', '.join(others)} or {last}"


def _count(least: int, most: int | None = None) -> Kind:
    def count(value: Any) -> int:
        if type(value) is not int and not re.fullmatch(_COUNT, value):
            raise ValueError
        if int(value) < least or (most is not None and int(value) > most):
            raise ValueError
        return int(value)

    bounds = {"ge": least} if most is None else {"ge": least, "le": most}
    allowed = f", {least} or more" if most is None else f" from {least} to {most}"
    return Kind(count, int, bounds=bounds, metavar="N", expected=f"a whole number{allowed}")


def _cores(value: Any) -> float:
    if not re.fullmatch(_CORES, value) or not 0 < float(value) <= _MOST_CORES:
        raise ValueError
    return float(value)


def _names(value: Any) -> tuple[str, ...]:
    listed = value.split(",") if isinstance(value, str) else _exactly(list, value)
    names = tuple(filter(None, listed)) if isinstance(value, str) else tuple(map(_text, listed))
    for name in names:
        check_passed_name(_text(name))
    return names


def _split_names(value: object) -> object:
    if not isinstance(value, str | list):
        return value
    listed: list[object] = []
    listed += filter(None, value.split(",")) if isinstance(value, str) else cast("Any", value)
    for name in listed:
        if isinstance(name, str):
            check_passed_name(name)
    return tuple(listed)


def _pairs(value: Any) -> Any:
    raise ValueError(value)


def _split_pairs(value: object) -> object:
    if isinstance(value, dict):
        return _table_pairs(cast("dict[str, object]", value))
    if not isinstance(value, str):
        return value
    from ...env.errors import AssignmentError
    from ...env.policy.assignments import parse_assignment

    try:
        return tuple(map(parse_assignment, filter(None, value.split(","))))
    except AssignmentError as error:
        raise ValueError(f"expected {_PAIRS}: {error.problem}") from None


def _table_pairs(table: Mapping[str, object]) -> tuple[tuple[str, object], ...]:
    from ...env.policy.assignments import is_variable_name

    for name, text in table.items():
        if not is_variable_name(name):
            raise ValueError(f"expected {_PAIRS}: {name!r} is not the name of a variable")
        if isinstance(text, str) and "\0" in text:
            raise ValueError(f"expected {_PAIRS}: the value of {name} holds a NUL byte")
    return tuple(table.items())


_PAIRS = "a table of names and texts, or NAME=VALUE with commas"
TEXT = Kind(_given, str, parse_given, metavar="TEXT", expected="a text")
ANY_TEXT = Kind(_text, str, metavar="TEXT", expected="a text")
PATH = Kind(_path, Path, parse_given, metavar="DIR", expected="a path")
SWITCH = Kind(_switch, bool, expected="true or false")
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
    expected=f"a number of cores above 0 and up to {_MOST_CORES}, as in 1.5",
)
CODES = Kind(parse_codes, tuple[int, ...], parse_codes, metavar="CODES")
NAMES = Kind(_names, tuple[str, ...], _split_names, expected="a list of names")
PAIRS = Kind(_pairs, tuple[tuple[str, str], ...], _split_pairs, expected=_PAIRS)
AGENT = choice(AgentName, "NAME")
CARGO_SCOPE = choice(CargoScope, "SCOPE")
CONTAINMENT = choice(ContainmentChoice, "KIND")
NETWORK = choice(NetworkAccess, "|".join(NetworkAccess))
SESSIONS = choice(SessionMode, "|".join(SessionMode))
