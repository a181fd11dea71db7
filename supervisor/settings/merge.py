"""Settings: flags > CODEXLAB_* > project file > user config > defaults, read once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .files import ConfigFile, find_project_file, read_config, user_config_path
from .plain import read_plainly
from .table import KNOWN_KEYS, PROJECT_KEYS


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
