"""``codexlab rollout``: find, read and look after transcripts."""

from __future__ import annotations

import sys
from importlib import import_module

import click

_MODULES = {
    "list": "_rollout_list",
    "search": "_rollout_search",
    "show": "_rollout_show",
    "stats": "_rollout_stats",
    "compress": "_rollout_forms",
    "restore": "_rollout_forms",
    "sweep": "_rollout_sweep",
    "verify": "_rollout_verify",
}


class _LazyGroup(click.Group):
    """Imports a command's module when that command is wanted; a search is timed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return sorted(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _MODULES:
            return None
        module = import_module(f".{_MODULES[cmd_name]}", __package__)
        commands: tuple[click.Command, ...] = module.COMMANDS
        return next(command for command in commands if command.name == cmd_name)


@click.group(cls=_LazyGroup)
def rollout() -> None:
    """Transcripts: list, show, search, compress, verify; plain and compressed alike."""
    # What people and agents wrote need not fit the terminal's encoding.
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")
