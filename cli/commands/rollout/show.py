"""``codexlab rollout show``: one transcript, as a person would read it."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from ....kernel.errands.own_programs import own_search_path
from ....kernel.errors import CallerError
from ....rollout.catalog.conversation import read_history
from ....rollout.catalog.filters import Filters
from ....rollout.catalog.listing import list_rollouts
from ....rollout.catalog.lookup import resolve_rollout
from ....rollout.catalog.pieces import History, Pieces, history_of
from ....rollout.reading.entries import CONVERSATION, Role
from ....rollout.store.rollout_ref import RolloutRef
from ...context.issue_threads import threads_by_issue
from ...context.workspaces import configured_root
from ...transcripts.options import home_option, json_option
from ...ui.json_lines import json_bytes, path_text
from ...ui.non_empty import NON_EMPTY_TEXT
from .show_text import Lines, render


@click.command()
@click.argument("thread", required=False)
@home_option
@click.option(
    "--issue", type=NON_EMPTY_TEXT, metavar="ISSUE", help="Instead of THREAD: this issue's newest."
)
@click.option("--full", is_flag=True, help="Do not fold input and output of tools.")
@click.option(
    "--everything",
    is_flag=True,
    help="Also instructions, metadata, events, and entries that were taken back.",
)
@click.option("--pager/--no-pager", default=None, help="[default: when stdout is a terminal]")
@json_option
def show(
    thread: str | None,
    home: str,
    issue: str | None,
    full: bool,
    everything: bool,
    pager: bool | None,
    as_json: bool,
) -> None:
    """Show the conversation of THREAD: an id, the beginning of an id, or a path.

    It shows the thread from its beginning, over all its files, without entries that the user took
    back. Control characters are shown, never obeyed. --json prints one object for each entry,
    unfolded.
    """
    history = history_of(_chosen(home, thread, issue), Pieces(home))
    lines = read_history(history, frozenset(Role) if everything else CONVERSATION)
    if not everything:
        lines = (line for line in lines if not line[1].reverted)
    if as_json:
        _write_json(lines)
    else:
        _write_text(history, home, lines, full=full, pager=pager)


def _chosen(home: str, thread: str | None, issue: str | None) -> RolloutRef:
    if (thread is None) == (issue is None):
        raise click.UsageError("give a THREAD, or --issue")
    if thread is not None:
        return resolve_rollout(home, thread)
    known = [name for name, of in threads_by_issue().items() if of == issue]
    threads = frozenset(known)
    own = list_rollouts(home, Filters(threads=threads, subagents=False), limit=1)
    page = own if own.entries else list_rollouts(home, Filters(threads=threads), limit=1)
    if not page.entries:
        raise NoThreadOfIssueError(issue or "", home)
    return page.entries[0].rollout


class NoThreadOfIssueError(CallerError):
    """No rollout of a home belongs to an issue.

    :param issue: the issue that was asked for.
    :param home: the home that was searched.
    """

    def __init__(self, issue: str, home: str) -> None:
        self.issue, self.home = issue, home
        super().__init__(
            f"no rollout of issue {issue!r} in {home}: none of its workspaces"
            f" below {configured_root()} recorded a thread of that home"
        )


def _write_json(lines: Lines) -> None:
    for rollout, line in lines:
        document: dict[str, Any] = {
            "path": path_text(rollout.path),
            "line": line.number,
            "problem": line.problem or None,
            "reverted": line.reverted,
        }
        if line.entry is not None:
            entry = line.entry
            document |= {
                "role": entry.role,
                "kind": entry.kind,
                "timestamp": entry.timestamp or None,
                "name": entry.name or None,
                "call_id": entry.call_id or None,
                "text": entry.text,
            }
        sys.stdout.buffer.write(json_bytes(document) + b"\n")
    sys.stdout.buffer.flush()


def _write_text(
    history: History,
    home: str,
    lines: Lines,
    *,
    full: bool,
    pager: bool | None,
) -> None:
    terminal = sys.stdout.isatty()
    page = terminal if pager is None else pager
    pieces = render(history, home, lines, full=full, colour=terminal)
    if page:
        # With -R, less obeys colours, and shows every other control character as text.
        os.environ.setdefault("LESS", "-R")
        os.environ["PATH"] = own_search_path(os.environ.get("PATH", os.defpath))
        click.echo_via_pager(pieces, color=terminal)
        return
    for piece in pieces:
        click.echo(piece, nl=False, color=terminal)
