"""Settings: flags > CODEXLAB_* > project file > user config > defaults, read once.

What some source gives becomes the fields of a request, which has the defaults.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ...workspace.users_codex_home import users_codex_home
from .errors import SettingError
from .files import DEFAULT_ROOT, ConfigFile, find_project_file, read_config, user_config_path
from .hook_names import LAUNCH_HOOKS
from .kinds import PREFIX
from .plain import read_plainly
from .table import BY_NAME, KNOWN_KEYS, PROJECT_KEYS, SETTINGS

_PATHS = ("workspaces_root", "workdir")
HOOK_KEYS = (*LAUNCH_HOOKS, "timeout")
_HOOK_VARIABLES = frozenset(f"{PREFIX}HOOK_{key.upper()}" for key in HOOK_KEYS)


def read_fields(
    flags: Mapping[str, Any],
    hooks: Mapping[str, str | None],
    environ: Mapping[str, str],
    cwd: Path,
) -> dict[str, Any]:
    """Read every source once and return the fields of a ``LaunchRequest`` but its command.

    :param flags: those that were given, by the settings' names.
    :param hooks: the flags of hooks, by `HOOK_KEYS`.
    :raises ConfigError: a file cannot be read, or says something it cannot.
    :raises SettingError: a flag or variable does.
    """
    files = read_files(environ, cwd)
    given = merge_settings(flags, environ, files)
    origins = _origins(given.keys() - flags.keys(), environ, files)
    _check_old_names(given, origins)
    fields = as_fields(given)
    if (
        any(value is not None for value in hooks.values())
        or "hooks" in files[1].settings
        or _HOOK_VARIABLES & environ.keys()
    ):
        from .hooks import read_hooks

        commands, fields["hook_timeout"] = read_hooks(hooks, environ, files[1])
        fields["hooks"] = {name: each for name, each in commands.items() if name in LAUNCH_HOOKS}
    for name in _PATHS:
        if fields.get(name) is not None:
            fields[name] = absolute(fields[name], cwd)
    return {
        "workspaces_root": absolute(DEFAULT_ROOT, cwd),
        "shared_home": absolute(users_codex_home(environ), cwd),
        "environ": dict(environ),
        "cwd": cwd,
        "origins": origins,
        **fields,
    }


def _origins(
    names: Iterable[str], environ: Mapping[str, str], files: tuple[ConfigFile, ...]
) -> dict[str, str]:
    """Return what set each of these settings: the variable, or the strongest file's path."""
    origins: dict[str, str] = {}
    for name in names:
        variable = BY_NAME[name].variable
        paths = (str(file.path) for file in files if name in file.settings)
        origins[name] = variable if environ.get(variable) else next(paths, variable)
    return origins


def _check_old_names(given: Mapping[str, Any], origins: Mapping[str, str]) -> None:
    """Refuse an old name beside the new one, unless both say the same.

    :raises SettingError: they differ; it names what set each.
    """
    for row in SETTINGS:
        if row.old in given and given.get(row.name, given[row.old]) != given[row.old]:
            from .origins import name_origins

            old = BY_NAME[row.old].flag
            both = name_origins(f"{old} and {row.flag}", origins)
            problem = f"{old} is the old name of {row.flag}, and the values differ; keep the new"
            raise SettingError(both, problem)


def read_files(environ: Mapping[str, str], cwd: Path) -> tuple[ConfigFile, ConfigFile]:
    """Read the project's file and the user's, in this order.

    :raises ConfigError: one of them cannot be read, or sets what it may not.
    """
    return (
        read_config(find_project_file(cwd), KNOWN_KEYS, PROJECT_KEYS),
        read_config(user_config_path(environ), KNOWN_KEYS, KNOWN_KEYS),
    )


def merge_settings(
    flags: Mapping[str, Any], environ: Mapping[str, str], files: tuple[ConfigFile, ...]
) -> dict[str, Any]:
    """Merge the sources.

    :param flags: only those that were given.
    :param files: strongest first.
    :returns: the settings that some source gives, by name.
    :raises ConfigError: a file says something it cannot: file, line, key, what was expected.
    :raises SettingError: a flag or variable does.
    """
    plain = read_plainly(flags, environ, tuple(file.settings for file in files))
    if plain is not None:
        return plain
    from .model import validate

    return validate(flags, environ, files)


def as_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings by the names that a request's fields have."""
    return {BY_NAME[name].field or name: value for name, value in given.items()}


def absolute(path: str | Path, cwd: Path) -> Path:
    """Return a path as one from the root, ``~`` expanded."""
    return Path(os.path.abspath(cwd / os.path.expanduser(path)))
