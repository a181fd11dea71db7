"""Settings: flags > CODEXLAB_* > project file > user config > defaults, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from ._config_files import PROJECT_KEYS, find_project_file, read_config, user_config_path
from ._plain_settings import read_plainly
from ._setting_values import PREFIX, SettingError, SettingValues

__all__ = ["KNOWN_KEYS", "PREFIX", "SettingError", "SettingValues", "read_settings"]

# What other commands read from the same user config.
OTHER_TABLES = frozenset({"artifacts", "gc", "hooks"})
KNOWN_KEYS = frozenset(field.name for field in fields(SettingValues)) | OTHER_TABLES


def read_settings(flags: Mapping[str, Any], environ: Mapping[str, str], cwd: Path) -> SettingValues:
    """Read every source once.

    :param flags: only those that were given.
    :raises ConfigError: a file says something it cannot: file, line, key, what was expected.
    :raises SettingError: a flag or variable does.
    """
    files = (
        read_config(find_project_file(cwd), KNOWN_KEYS, PROJECT_KEYS),
        read_config(user_config_path(environ), KNOWN_KEYS, KNOWN_KEYS),
    )
    plain = read_plainly(flags, environ, tuple(file.settings for file in files))
    if plain is not None:
        return plain
    from ._settings_model import validate

    return validate(flags, environ, files)
