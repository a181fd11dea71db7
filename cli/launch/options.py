"""The options of ``codexlab-run`` that come from the table of settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING
from enum import StrEnum
from typing import Any, TypeVar

from ...kernel.values import declared_default
from ...supervisor.request import LaunchRequest
from ...supervisor.settings.kinds import PATH, PREFIX, SIZE, SWITCH
from ...supervisor.settings.table import FLAG, OLD_NAMES, SETTINGS, Setting
from ..context.completion import Complete, complete_files, complete_issues, words_of
from ..ui.grouped_help import grouped_option

HOOKS = "Hooks"
_Command = TypeVar("_Command", bound=Callable[..., Any])


def setting_options(command: _Command) -> _Command:
    """Add the options of the table's rows, in its order, and after them those of old names."""
    for row in (*OLD_NAMES, *reversed(SETTINGS)):
        if FLAG in row.sources:
            command = _option(row)(command)
    return command


def own_option(
    group: str,
    *names: str,
    help: str,  # noqa: A002
    **extra: Any,
) -> Callable[[_Command], _Command]:
    """Declare one flag; the help shows the variable that sets it too."""
    long = next(name for name in names if name.startswith("--"))
    variable = PREFIX + long.lstrip("-").replace("-", "_").upper()
    return grouped_option(group, *names, help=f"{help}  [{variable}]", default=None, **extra)


def _option(row: Setting) -> Callable[[_Command], _Command]:
    names = (row.short, row.flag) if row.short else (row.flag,)
    text = help_text(row)
    extra: dict[str, Any] = {"hidden": row in OLD_NAMES, "shell_complete": _completer(row)}
    if row.kind is SWITCH:
        return own_option(row.group, *names, help=text, is_flag=True, **extra)
    if row.bare:
        extra |= {"is_flag": False, "flag_value": row.bare}
    metavar = row.metavar or row.kind.metavar
    return own_option(row.group, *names, help=text, metavar=metavar, **extra)


def _completer(row: Setting) -> Complete | None:
    """Return what a shell's completion of a setting's value asks, if anything is known of it."""
    if row.name == "issue":
        return complete_issues
    if row.kind is PATH:
        return complete_files
    words = row.kind.type
    return words_of(words) if isinstance(words, type) and issubclass(words, StrEnum) else None


def help_text(row: Setting) -> str:
    """Return the line of a setting in ``--help``, with the default that a request has."""
    if "{default}" not in row.help:
        return row.help
    return row.help.replace("{default}", default_of(row))


def default_of(row: Setting) -> str:
    """Return the default that a request has, as a flag would give it; "none" for none."""
    value = declared_default(LaunchRequest, row.field or row.name)
    if row.kind is SIZE:
        return f"{value // 2**20}M"
    if row.kind is SWITCH:
        return "off"
    if isinstance(value, float):
        return f"{value / 86400:g}d" if value >= 86400 else f"{value:g}s"
    return "none" if value in (None, (), MISSING) else str(value)
