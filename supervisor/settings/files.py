"""The two files that can hold settings, and where in them something stands."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...kernel.errors import CallerError
from ...kernel.files.small_file import read_small_file
from ...kernel.toml import TomlError, decode_toml, parse_toml
from ...kernel.values import frozen
from .errors import SettingError

PROJECT_FILE = ".codexlab.toml"
# Where workspaces lie unless a setting says otherwise.
DEFAULT_ROOT = "~/codexlab/workspaces"
_FILE_VARIABLE = "CODEXLAB_CONFIG"
# In a file they would mean another directory in each checkout, and make it there.
_ABSOLUTE_KEYS = ("workspaces_root", "workdir")
_LIMIT = 1 << 20
_LONGEST_KEY = 64


class ConfigError(CallerError):
    """A configuration file says something it cannot."""

    def __init__(self, path: Path, line: int | None, key: str | None, problem: str) -> None:
        self.path = path
        self.line = line
        self.key = key
        place = f"{path}:{line}" if line else str(path)
        super().__init__(f"{place}: {f'{key}: ' if key else ''}{problem}")


@frozen
class ConfigFile:
    """One configuration file, read: its settings and its text."""

    path: Path
    settings: Mapping[str, Any]
    text: str = ""

    def line_of(self, key: str, table: str | None = None) -> int | None:
        """Return the line a key is set on, counted from 1.

        :param table: the table it is a key of; its own line where the key's is not found.
        """
        first = (self.line_of(table) or 0) if table else 0
        dotted = rf"({re.escape(table)}\s*\.\s*)?" if table else ""
        name = rf"[\"']?{re.escape(key)}[\"']?"
        pattern = re.compile(rf"\s*{dotted}{name}\s*(=|\.)|\s*\[{re.escape(key)}\b")
        lines = self.text.splitlines()
        for number, line in enumerate(lines[max(first - 1, 0) :], start=max(first, 1)):
            if pattern.match(line):
                return number
        return first or None


def read_config(path: Path, known: frozenset[str], allowed: frozenset[str]) -> ConfigFile:
    """Read one file; a missing one holds nothing.

    :param known: every key there is.
    :param allowed: the keys this file may set.
    :raises ConfigError: it cannot be read, is no TOML, or sets what it may not.
    """
    try:
        # An agent may have put anything in the project file's place.
        data = read_small_file(path, _LIMIT)
    except FileNotFoundError:
        return ConfigFile(path, {})
    except OSError as error:
        raise ConfigError(path, None, None, f"cannot be read: {error.strerror}") from None
    if len(data) > _LIMIT:
        raise ConfigError(path, None, None, "cannot be read: larger than 1 MiB")
    try:
        text = decode_toml(data)
        config = ConfigFile(path, parse_toml(text), text)
    except TomlError as error:
        raise ConfigError(path, error.line, None, error.problem) from None
    for key in config.settings:
        _check_key(config, key, known, allowed)
    for key in _ABSOLUTE_KEYS:
        _check_absolute(config, key)
    return config


def _check_key(
    config: ConfigFile, key: str, known: frozenset[str], allowed: frozenset[str]
) -> None:
    if key not in known:
        problem = f"no such setting{_nearest(key, allowed)}; docs/settings.md lists them"
        raise ConfigError(config.path, config.line_of(key), key, problem)
    if key not in allowed:
        raise ConfigError(
            config.path,
            config.line_of(key),
            key,
            f"a project file may set only {', '.join(sorted(allowed))};"
            " set this in the user config or by a flag",
        )


def _nearest(key: str, allowed: frozenset[str]) -> str:
    from difflib import get_close_matches

    # The comparison takes quadratic time, and an agent may have written the key.
    found = get_close_matches(key[:_LONGEST_KEY], sorted(allowed), n=1)
    return f"; did you mean {found[0]}?" if found else ""


def _check_absolute(config: ConfigFile, key: str) -> None:
    path = config.settings.get(key)
    if isinstance(path, str) and path and not os.path.isabs(os.path.expanduser(path)):
        problem = f"expected an absolute path, or one that begins with ~/, not {path!r}"
        raise ConfigError(config.path, config.line_of(key), key, problem)


def find_project_file(cwd: Path) -> Path:
    """Return the project file that counts in ``cwd``: at the top of its checkout, else here."""
    for directory in (cwd, *cwd.parents):
        if os.path.lexists(directory / ".git"):
            return directory / PROJECT_FILE
    return cwd / PROJECT_FILE


def user_config_path(environ: Mapping[str, str]) -> Path:
    """Return the user's own config file.

    :raises SettingError: a variable names a file that is not there, or a relative path.
    """
    named = environ.get(_FILE_VARIABLE)
    if named:
        return _named_file(os.path.expanduser(named))
    from platformdirs import user_config_path as config_home

    return config_home("codexlab") / "config.toml"


def _named_file(named: str) -> Path:
    if not os.path.isabs(named):
        problem = f"expected the absolute path of a file, not {named!r}"
        raise SettingError(_FILE_VARIABLE, problem)
    if not os.path.lexists(named):
        raise SettingError(_FILE_VARIABLE, f"no such file: {named}; unset it, or make that file")
    return Path(named)
