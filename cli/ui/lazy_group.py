"""A group of commands that imports only the command that is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

import click

Load = Callable[[], click.Command]
"""Import a command and return it."""


class LazyGroup(click.Group):
    """A group that imports a command on use.

    :param loaders: for each command's name its importing function, and its line in ``--help``.
    """

    loaders: ClassVar[Mapping[str, tuple[Load, str]]]

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

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands' lines of ``--help`` without importing any."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in sorted(self.loaders.items())])
