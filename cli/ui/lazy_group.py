"""A group of commands that imports only the command that is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import ClassVar

import click

Load = Callable[[], click.Command]
"""Import a command and return it."""

_NONE: Mapping[str, str] = MappingProxyType({})


class LazyGroup(click.Group):
    """A group that imports a command on use.

    :param loaders: for each command's name its importing function, and its line in ``--help``.
    :param headings: the headings of ``--help`` and the commands below each; none: one list.
    :param habits: for a name that other programs use, the words of ours that do the same.
    """

    loaders: ClassVar[Mapping[str, tuple[Load, str]]]
    headings: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType({})
    habits: ClassVar[Mapping[str, str]] = _NONE

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, sorted."""
        del ctx
        return sorted(self.loaders)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command; None where there is none of that name."""
        del ctx
        if cmd_name not in self.loaders:
            return None
        load, _ = self.loaders[cmd_name]
        return load()

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first word names.

        :raises click.UsageError: there is none; the message names the command to type instead.
        """
        ours = self.habits.get(args[0])
        if ours is None or args[0] in self.loaders or ours.split()[0] not in self.loaders:
            return super().resolve_command(ctx, args)
        raise click.UsageError(
            f"No such command {args[0]!r}. Did you mean '{ctx.command_path} {ours}'?", ctx
        )

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands' lines of ``--help`` without importing any."""
        del ctx
        width = max(map(len, self.loaders))
        for heading, names in (self.headings or {"Commands": tuple(sorted(self.loaders))}).items():
            with formatter.section(heading):
                rows = [(name.ljust(width), self.loaders[name][1]) for name in names]
                formatter.write_dl(rows)
