"""The options of ``codexlab-run`` that come from the table of settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING
from typing import Any, TypeVar

import click

from ...supervisor.request import LaunchRequest
from ...supervisor.settings.kinds import PREFIX, SIZE, SWITCH
from ...supervisor.settings.table import FLAG, SETTINGS, Setting

_Command = TypeVar("_Command", bound=Callable[..., Any])


def setting_options(after: str = "", until: str = "") -> Callable[[_Command], _Command]:
    """Add the options of the table's rows, in its order.

    :param after: the row before the first; empty: from the beginning.
    :param until: the last row; empty: to the end.
    """
    names = [each.name for each in SETTINGS]
    first = names.index(after) + 1 if after else 0
    rows = SETTINGS[first : names.index(until) + 1 if until else None]

    def add(command: _Command) -> _Command:
        for row in reversed(rows):
            if FLAG in row.sources:
                command = _option(row)(command)
        return command

    return add


def own_option(*names: str, help: str, **extra: Any) -> Callable[[_Command], _Command]:  # noqa: A002
    """Declare one flag; the help shows the variable that sets it too."""
    long = next(name for name in names if name.startswith("--"))
    variable = PREFIX + long.lstrip("-").replace("-", "_").upper()
    return click.option(*names, help=f"{help}  [{variable}]", default=None, **extra)


def _option(row: Setting) -> Callable[[_Command], _Command]:
    names = (row.short, row.flag) if row.short else (row.flag,)
    text = help_text(row)
    if row.kind is SWITCH:
        return own_option(*names, help=text, is_flag=True)
    extra: dict[str, Any] = {"is_flag": False, "flag_value": row.bare} if row.bare else {}
    return own_option(*names, help=text, metavar=row.metavar or row.kind.metavar, **extra)


def help_text(row: Setting) -> str:
    """Return the line of a setting in ``--help``, with the default that a request has."""
    if "{default}" not in row.help:
        return row.help
    return row.help.replace("{default}", default_of(row))


def default_of(row: Setting) -> str:
    """Return the default that a request has, as a flag would give it; "none" for none."""
    value = LaunchRequest.__dataclass_fields__[row.field or row.name].default
    if row.kind is SIZE:
        return f"{value // 2**20}M"
    if row.kind is SWITCH:
        return "off"
    if isinstance(value, float):
        return f"{value / 86400:g}d" if value >= 86400 else f"{value:g}s"
    return "none" if value in (None, (), MISSING) else str(value)
