"""The settings of a launch that says nothing unusual, without the validating library.

Invariant: what is returned here equals what pydantic-settings returns for the same
sources. Whatever is not plainly right, be it wrong or only written in a way that
library alone knows, is left to it: it accepts it, or says what was expected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from ...agents.registry import AgentName
from ..ui.literals import (
    parse_codes,
    parse_duration,
    parse_given,
    parse_limit,
    parse_size,
    parse_size_limit,
    parse_wait,
)
from .values import (
    MOST_CORES,
    MOST_PROCESSES,
    PREFIX,
    CargoScope,
    Containment,
    Sessions,
    SettingValues,
)

_Convert = Callable[[Any], Any]
_COUNT = r"(?a)[0-9]{1,9}"
_CORES = r"(?a)[0-9]{1,9}(\.[0-9]{1,9})?"


def read_plainly(
    flags: Mapping[str, Any], environ: Mapping[str, str], files: Sequence[Mapping[str, Any]]
) -> SettingValues | None:
    """Merge the sources, strongest first: flags, variables, files.

    :returns: None where the validating library has to look.
    """
    try:
        given: dict[str, Any] = {}
        for source in (*reversed(files), _variables(environ), flags):
            given.update(source)
        known = given.keys() & SettingValues.__dataclass_fields__.keys()
        return SettingValues(**{name: _CONVERT[name](given[name]) for name in known})
    except (KeyError, ValueError, TypeError):
        return None


def _variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the settings given as variables, by the settings' names; an empty one counts as unset.

    :raises ValueError: one is spelled in another case, which that library reads too.
    """
    found: dict[str, str] = {}
    for name, value in environ.items():
        if name.upper().startswith(PREFIX) and value:
            if not name.isupper():
                raise ValueError
            found[name[len(PREFIX) :].lower()] = value
    return found


def _text(value: Any) -> str:
    text: str = _exactly(str, value)
    # What is no UTF-8 is refused by the library.
    text.encode()
    return text


def _given(value: Any) -> str:
    return _text(parse_given(value))


def _path(value: Any) -> Path:
    return Path(_given(value))


def _switch(value: Any) -> bool:
    switch: bool = _exactly(bool, value)
    return switch


def _exactly(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise ValueError
    return value


def _one_of(literal: Any) -> _Convert:
    choices = get_args(literal)

    def choose(value: Any) -> str:
        if value not in choices:
            raise ValueError
        return str(value)

    return choose


def _count(least: int, most: int | None = None) -> _Convert:
    def count(value: Any) -> int:
        if type(value) is not int and not re.fullmatch(_COUNT, value):
            raise ValueError
        if int(value) < least or (most is not None and int(value) > most):
            raise ValueError
        return int(value)

    return count


def _cores(value: Any) -> float:
    if not re.fullmatch(_CORES, value) or not 0 < float(value) <= MOST_CORES:
        raise ValueError
    return float(value)


def _names(value: Any) -> tuple[str, ...]:
    listed = value.split(",") if isinstance(value, str) else _exactly(list, value)
    names = tuple(map(_text, listed))
    return tuple(filter(None, names)) if isinstance(value, str) else names


_CONVERT: dict[str, _Convert] = {
    "issue": _text,
    "project": _given,
    "agent": _one_of(AgentName),
    "workspaces_root": _path,
    "repo": _given,
    "no_repo": _switch,
    "workdir": _path,
    "base": _given,
    "timeout": parse_limit,
    "idle_timeout": parse_limit,
    "memory_max": parse_size_limit,
    "pids_max": _count(1, MOST_PROCESSES),
    "cpu_max": _cores,
    "retries": _count(0),
    "retry_on": parse_codes,
    "grace": parse_duration,
    "wait": parse_wait,
    "stdin": _given,
    "events": _given,
    "thread": _given,
    "cargo_scope": _one_of(CargoScope),
    "require_artifacts": _switch,
    "containment": _one_of(Containment),
    "git_write": _switch,
    "sessions": _one_of(Sessions),
    "sweep_beside_agents": _switch,
    "sweep_cold_age": parse_duration,
    "pass_env": _names,
    "log_max_size": parse_size,
    "verbose": _switch,
}
