"""A command with many options: its ``--help`` shows them by groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

_WIDEST_NAMES = 30
_Command = TypeVar("_Command", bound=Callable[..., Any])


class GroupedOption(click.Option):
    """An option with the heading that it stands under in ``--help``."""

    def __init__(self, *args: Any, group: str, **extra: Any) -> None:
        super().__init__(*args, **extra)
        self.group = group


class GroupedHelp(click.Command):
    """A command whose ``--help`` shows the options by their groups.

    :param others: the heading of the options that name none.
    """

    def __init__(self, *args: Any, others: str = "Other options", **extra: Any) -> None:
        super().__init__(*args, **extra)
        self.others = others

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one section for each group, in the order in which the options name them."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for each in self.get_params(ctx):
            if isinstance(each, click.Option) and (record := each.get_help_record(ctx)):
                groups.setdefault(getattr(each, "group", self.others), []).append(record)
        longest = max(len(names) for rows in groups.values() for names, _ in rows)
        # Each section would have a column of its own.
        width = min(longest, _WIDEST_NAMES)
        for group, rows in groups.items():
            with formatter.section(group):
                formatter.write_dl([(names.ljust(width), text) for names, text in rows])


def grouped_option(group: str, *names: str, **extra: Any) -> Callable[[_Command], _Command]:
    """Declare an option that stands under a heading; the rest is as for ``click.option``."""
    return click.option(*names, cls=GroupedOption, group=group, **extra)
