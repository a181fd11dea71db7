"""Hooks: flags > CODEXLAB_HOOK_* > the ``[hooks]`` table of the user's own config.

Never from the project file, which an agent may have written: a hook runs outside
every sandbox of the agent's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from .errors import SettingError
from .files import ConfigError, ConfigFile
from .hook_names import DEFAULT_HOOK_TIMEOUT, HOOK_NAMES, HookCommand
from .kinds import PREFIX
from .literals import parse_duration

TABLE = "hooks"
LIMIT = "timeout"
_KEYS = (*HOOK_NAMES, LIMIT)


def read_hooks(
    flags: Mapping[str, str | None], environ: Mapping[str, str], config: ConfigFile
) -> tuple[dict[str, HookCommand], float]:
    """Return the hooks in force, by name, and the seconds each may take.

    :param flags: by the keys of the table; an empty command switches a hook off.
    :param config: the user's own.
    :raises ConfigError: the table says something it cannot; every key is looked at.
    :raises SettingError: a flag or variable does.
    """
    values = _read_table(config)
    variables = {key: environ.get(_variable(key)) or None for key in flags}
    for source, name_of in ((variables, _variable), (flags, _flag)):
        for key, text in source.items():
            if text is not None:
                values[key] = _read_text(key, text, name_of(key))
    limit = values.pop(LIMIT, DEFAULT_HOOK_TIMEOUT)
    return {name: command for name, command in values.items() if command}, limit


def _read_table(config: ConfigFile) -> dict[str, Any]:
    table = config.settings.get(TABLE, {})
    if not isinstance(table, dict):
        raise ConfigError(config.path, config.line_of(TABLE), TABLE, "expected a table")
    values: dict[str, Any] = {}
    for key, value in cast("dict[str, object]", table).items():
        try:
            values[key] = _read_value(key, value)
        except ValueError as error:
            line = config.line_of(key, TABLE)
            raise ConfigError(config.path, line, f"{TABLE}.{key}", str(error)) from None
    return values


def _read_value(key: str, value: object) -> object:
    if key == LIMIT:
        return _limit(value)
    if key not in HOOK_NAMES:
        listed = ", ".join(_KEYS)
        raise ValueError(f"no such setting; expected one of {listed}")
    return _command(value)


def _command(value: object) -> HookCommand:
    words = cast("list[object]", value if isinstance(value, list) else [value])
    texts = [word for word in words if isinstance(word, str) and "\0" not in word]
    if not texts or len(texts) != len(words) or not texts[0].strip():
        expected = "expected a command: a text for /bin/sh, or a list of words"
        raise ValueError(f"{expected}, not {value!r}")
    return tuple(texts) if isinstance(value, list) else texts[0]


def _limit(value: object) -> float:
    problem = f"expected a duration above 0 such as 30s or 5m, not {value!r}"
    try:
        seconds = parse_duration(value)
    except ValueError:
        raise ValueError(problem) from None
    if not seconds:
        raise ValueError(problem)
    return seconds


def _read_text(key: str, text: str, name: str) -> object:
    try:
        return _limit(text) if key == LIMIT else text and _command(text)
    except ValueError as error:
        raise SettingError(name, str(error)) from None


def _variable(key: str) -> str:
    return f"{PREFIX}HOOK_{key.upper()}"


def _flag(key: str) -> str:
    return f"--hook-{key.replace('_', '-')}"
