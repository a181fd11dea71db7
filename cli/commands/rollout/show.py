"""``codexlab rollout show``: one transcript, as a person would read it."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import click

from ....kernel.errands.own_programs import own_search_path
from ....kernel.errors import CallerError
from ....rollout.catalog.conversation import ConversationLine, read_history
from ....rollout.catalog.filters import Filters
from ....rollout.catalog.listing import list_rollouts
from ....rollout.catalog.lookup import resolve_rollout
from ....rollout.catalog.pieces import History, Pieces, began, history_of
from ....rollout.catalog.titles import thread_names
from ....rollout.reading.entries import CONVERSATION, Role
from ....rollout.reading.heads import read_head
from ....rollout.reading.session_meta import SessionMeta
from ....rollout.reading.snapshot import NoSuchRolloutError, NotARolloutFileError, open_snapshot
from ....rollout.store.rollout_ref import RolloutRef
from ...context.issue_threads import threads_by_issue
from ...context.workspaces import configured_root
from ...transcripts.options import home_option, json_option, local_time
from ...ui.json_lines import json_bytes, path_text
from ...ui.non_empty import NON_EMPTY_TEXT
from ...ui.terminal import neutral, one_line, size_text

Lines = Iterable[tuple[RolloutRef, ConversationLine]]

_FOLDED_LINES = 6
_STYLES = {
    Role.USER: ("bold cyan", "user"),
    Role.ASSISTANT: ("bold green", "assistant"),
    Role.REASONING: ("dim italic", "thinking"),
    Role.INSTRUCTIONS: ("dim", "instructions"),
    Role.COMPACTED: ("bold yellow", "compacted"),
}


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
    """Show the conversation of THREAD: an id, its beginning, or a path; either form.

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
    pieces = _render(history, home, lines, full=full, colour=terminal)
    if page:
        # With -R, less obeys colours, and shows every other control character as text.
        os.environ.setdefault("LESS", "-R")
        os.environ["PATH"] = own_search_path(os.environ.get("PATH", os.defpath))
        click.echo_via_pager(pieces, color=terminal)
        return
    for piece in pieces:
        click.echo(piece, nl=False, color=terminal)


def _render(
    history: History,
    home: str,
    lines: Lines,
    *,
    full: bool,
    colour: bool,
) -> Iterator[str]:
    """Yield the pages piece by piece; no part of the rollout is kept in memory."""
    from rich.console import Console
    from rich.text import Text

    console = Console(
        force_terminal=colour,
        no_color=None if colour else True,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=not colour,
        file=io.StringIO(),
    )
    for text, style in _paragraphs(history, home, lines, full=full):
        with console.capture() as captured:
            console.print(Text(text, style=style))
        yield captured.get()


def _paragraphs(
    history: History,
    home: str,
    lines: Lines,
    *,
    full: bool,
) -> Iterator[tuple[str, str]]:
    yield from _header(history, home)
    for _, line in lines:
        if line.problem:
            yield f"\n[line {line.number}: {neutral(line.problem)}]", "red"
        if line.entry is None or not line.entry.text.strip():
            continue
        entry = line.entry
        text = neutral(entry.text.strip("\n"))
        when = one_line(entry.timestamp[11:19]) + ("  (taken back)" if line.reverted else "")
        if entry.role is Role.TOOL:
            name = one_line(entry.name) + ("  (taken back)" if line.reverted else "")
            yield from _tool(text, name, entry.is_tool_output, full)
        else:
            style, title = _STYLES.get(entry.role, ("dim", one_line(entry.kind)))
            yield f"\n{title}  {when}", style
            yield text if full or entry.role in _STYLES else _fold(text, full), _body(entry.role)


def _body(role: Role) -> str:
    return "" if role in (Role.USER, Role.ASSISTANT, Role.COMPACTED) else "dim"


def _tool(text: str, name: str, is_output: bool, full: bool) -> Iterator[tuple[str, str]]:
    text = _fold(text, full)
    if is_output:
        yield "\n".join(f"  │ {part}" for part in text.split("\n")), "dim"
    else:
        yield f"\n▸ {name}  " + text.replace("\n", "\n    "), "magenta"


def _fold(text: str, full: bool) -> str:
    """Keep the beginning and the end of a long text, with a note of the gap."""
    parts = text.split("\n")
    if full or len(parts) <= _FOLDED_LINES + 1:
        return "\n".join(parts if full else [_short(part) for part in parts])
    half = _FOLDED_LINES // 2
    kept = [_short(part) for part in (*parts[:half], *parts[-half:])]
    kept.insert(half, f"… {len(parts) - _FOLDED_LINES} lines (--full shows them)")
    return "\n".join(kept)


def _short(part: str, limit: int = 500) -> str:
    return part if len(part) <= limit else f"{part[:limit]}… {len(part) - limit} characters"


def _header(history: History, home: str) -> Iterator[tuple[str, str]]:
    rollout = history.stretches[-1].rollout
    head = read_head(rollout.path)
    name = thread_names(home).get(rollout.thread_id)
    title = rollout.thread_id + (f"  {one_line(name)}" if name else "")
    own = [
        each.rollout for each in history.stretches if each.rollout.thread_id == rollout.thread_id
    ]
    facts = [local_time(began(own[0])).isoformat(" ", "seconds")]
    if head.meta is not None:
        facts += _said_of(head.meta)
    facts += [head.problem, f"{size_text(head.size)} {head.form or 'gone'}"]
    yield title, "bold"
    yield "  ".join(filter(None, facts)), "dim"
    for stretch in history.stretches:
        yield neutral(_physical(stretch.rollout)), "dim"
    if history.problem:
        yield f"[{neutral(history.problem)}]", "red"


def _said_of(meta: SessionMeta) -> list[str]:
    version = f"codex {meta.cli_version}" if meta.cli_version else ""
    parent = f"subagent of {meta.parent}" if meta.parent else ""
    fork = f"fork of {meta.forked_from}" if meta.forked_from else ""
    return [one_line(text) for text in (meta.cwd, version, meta.source, parent, fork)]


def _physical(rollout: RolloutRef) -> str:
    try:
        with open_snapshot(rollout.path) as snapshot:
            return snapshot.physical
    except (NoSuchRolloutError, NotARolloutFileError, OSError):
        return rollout.path
