"""The options of ``codexlab-run`` that come from the table of settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING
from typing import Any, TypeVar

import click

from ...kernel.values import declared_default
from ...supervisor.request import LaunchRequest
from ...supervisor.settings.kinds import PREFIX, SIZE, SWITCH
from ...supervisor.settings.table import FLAG, OLD_NAMES, SETTINGS, Setting

HOOKS = "Hooks"
# Also the heading of an option that names none.
INSTEAD = "Instead of a run"
_WIDEST_NAMES = 30
_Command = TypeVar("_Command", bound=Callable[..., Any])


class GroupedOption(click.Option):
    """An option with the heading that it stands under in ``--help``."""

    def __init__(self, *args: Any, group: str, **extra: Any) -> None:
        super().__init__(*args, **extra)
        self.group = group


class GroupedHelp(click.Command):
    """A command whose ``--help`` shows the options by their groups."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one section for each group, in the order in which the options name them."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for each in self.get_params(ctx):
            if isinstance(each, click.Option) and (record := each.get_help_record(ctx)):
                groups.setdefault(getattr(each, "group", INSTEAD), []).append(record)
        longest = max(len(names) for rows in groups.values() for names, _ in rows)
        # Each section would have a column of its own.
        width = min(longest, _WIDEST_NAMES)
        for group, rows in groups.items():
            with formatter.section(group):
                formatter.write_dl([(names.ljust(width), text) for names, text in rows])


def setting_options(command: _Command) -> _Command:
    """Add the options of the table's rows, in its order, and after them those of old names."""
    for row in (*OLD_NAMES, *reversed(SETTINGS)):
        if FLAG in row.sources:
            command = _option(row)(command)
    return command


def grouped_option(group: str, *names: str, **extra: Any) -> Callable[[_Command], _Command]:
    """Declare one flag that belongs to one launch."""
    return click.option(*names, cls=GroupedOption, group=group, **extra)


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
    extra: dict[str, Any] = {"hidden": row in OLD_NAMES}
    if row.kind is SWITCH:
        return own_option(row.group, *names, help=text, is_flag=True, **extra)
    if row.bare:
        extra |= {"is_flag": False, "flag_value": row.bare}
    metavar = row.metavar or row.kind.metavar
    return own_option(row.group, *names, help=text, metavar=metavar, **extra)


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
