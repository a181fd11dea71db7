"""``codexlab workspace``: list, show, heal and collect workspaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import click

from ...ui.lazy_group import LazyGroup, Load


def _list() -> click.Command:
    from .list import list_command

    return list_command


def _show() -> click.Command:
    from .show import show

    return show


def _path() -> click.Command:
    from .path import path_command

    return path_command


def _heal() -> click.Command:
    from .heal import heal

    return heal


def _remove() -> click.Command:
    from .remove import remove

    return remove


def _gc() -> click.Command:
    from .gc import gc

    return gc


class _Commands(LazyGroup):
    """The commands of ``codexlab workspace``: the list must be quick."""

    loaders: ClassVar[Mapping[str, tuple[Load, str]]] = {
        "gc": (_gc, "Say which workspaces may go and why, and with --apply delete those."),
        "heal": (
            _heal,
            "Repair the codex-home of one or more issues now, as the next launch would.",
        ),
        "list": (_list, "List workspaces: holder, last use, and how the last run ended."),
        "path": (_path, "Print where an issue's work lies."),
        "remove": (_remove, "Delete the workspaces of one or more issues now."),
        "show": (_show, "Show everything about the workspaces of one or more issues."),
    }


@click.group(cls=_Commands)
def workspace() -> None:
    """Workspaces: one per issue, reused by every later task."""
