"""``codexlab rollout``: find, read and look after transcripts."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import ClassVar

import click

from ...ui.lazy_group import LazyGroup, Load


def _list() -> click.Command:
    from .list import list_command

    return list_command


def _search() -> click.Command:
    from .search import search

    return search


def _show() -> click.Command:
    from .show import show

    return show


def _stats() -> click.Command:
    from .stats import stats

    return stats


def _compress() -> click.Command:
    from .forms import compress_command

    return compress_command


def _restore() -> click.Command:
    from .forms import restore_command

    return restore_command


def _sweep() -> click.Command:
    from .sweep import sweep_command

    return sweep_command


def _verify() -> click.Command:
    from .verify import verify_command

    return verify_command


class _Verbs(LazyGroup):
    """The verbs of ``codexlab rollout``."""

    loaders: ClassVar[Mapping[str, tuple[Load, str]]] = {
        "compress": (_compress, "Compress rollouts now, at any age, unless a process writes."),
        "list": (_list, "List threads, newest first, in both forms, active and archived."),
        "restore": (_restore, "Give rollouts their plain form again."),
        "search": (_search, "Search the text of conversations, newest thread first."),
        "show": (_show, "Show the conversation of one thread."),
        "stats": (_stats, "Show the space that rollouts take, and how much could be saved."),
        "sweep": (_sweep, "Compress cold rollouts, repair after a crash, free kept files."),
        "verify": (_verify, "Check rollouts, or a whole store: frames, lines, both forms."),
    }


@click.group(cls=_Verbs)
def rollout() -> None:
    """Transcripts: list, show, search, compress, verify; plain and compressed alike."""
    # Text of people and agents need not fit the terminal's encoding.
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")
