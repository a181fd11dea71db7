"""``codexlab rollout show``: one transcript, as a person would read it."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import click

from ..kernel import CallerError
from ..rollout import (
    CONVERSATION,
    ConversationLine,
    Filters,
    LogicalRollout,
    Role,
    RolloutSnapshot,
    list_rollouts,
    open_snapshot,
    read_conversation,
    read_head,
    resolve_rollout,
    thread_names,
)
from ._given import GIVEN
from ._issue_threads import threads_by_issue
from ._rollout_options import home_option, json_option
from ._terminal import neutral, one_line, size_text
from ._workspace_select import configured_root

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
    "--issue", type=GIVEN, metavar="ISSUE", help="Instead of THREAD: this issue's newest."
)
@click.option("--full", is_flag=True, help="Do not fold what tools were given and gave.")
@click.option("--everything", is_flag=True, help="Also instructions, metadata and events.")
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

    Control characters in it are shown, never obeyed. With --json, one object for
    each entry, unfolded.
    """
    rollout = _chosen(home, thread, issue)
    roles = frozenset(Role) if everything else CONVERSATION
    with open_snapshot(rollout.path) as snapshot:
        lines = read_conversation(snapshot, roles)
        if as_json:
            _write_json(lines)
        else:
            _write_text(snapshot, rollout, home, lines, full=full, pager=pager)


def _chosen(home: str, thread: str | None, issue: str | None) -> LogicalRollout:
    if (thread is None) == (issue is None):
        raise click.UsageError("give a THREAD, or --issue")
    if thread is not None:
        return resolve_rollout(home, thread)
    known = [name for name, of in threads_by_issue().items() if of == issue]
    page = list_rollouts(home, Filters(threads=frozenset(known)), limit=1)
    if not page.entries:
        raise NoThreadOfIssueError(issue or "", home)
    return page.entries[0].rollout


class NoThreadOfIssueError(CallerError):
    """No rollout of a home belongs to an issue.

    :param issue: as asked for.
    :param home: where it was looked for.
    """

    def __init__(self, issue: str, home: str) -> None:
        self.issue, self.home = issue, home
        super().__init__(
            f"no rollout of issue {issue!r} in {home}: no workspace of it below"
            f" {configured_root()} recorded a thread that is there"
        )


def _write_json(lines: Iterable[ConversationLine]) -> None:
    import orjson

    for line in lines:
        document: dict[str, Any] = {"line": line.number, "problem": line.problem or None}
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
        sys.stdout.buffer.write(orjson.dumps(document) + b"\n")
    sys.stdout.buffer.flush()


def _write_text(
    snapshot: RolloutSnapshot,
    rollout: LogicalRollout,
    home: str,
    lines: Iterable[ConversationLine],
    *,
    full: bool,
    pager: bool | None,
) -> None:
    terminal = sys.stdout.isatty()
    page = terminal if pager is None else pager
    pieces = _render(snapshot, rollout, home, lines, full=full, colour=terminal)
    if page:
        # less obeys colours (-R), and shows every other control character by itself.
        os.environ.setdefault("LESS", "-R")
        click.echo_via_pager(pieces, color=terminal)
        return
    for piece in pieces:
        click.echo(piece, nl=False, color=terminal)


def _render(
    snapshot: RolloutSnapshot,
    rollout: LogicalRollout,
    home: str,
    lines: Iterable[ConversationLine],
    *,
    full: bool,
    colour: bool,
) -> Iterator[str]:
    """Yield the pages piece by piece; nothing of the rollout is kept."""
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
    for text, style in _paragraphs(snapshot, rollout, home, lines, full=full):
        with console.capture() as captured:
            console.print(Text(text, style=style))
        yield captured.get()


def _paragraphs(
    snapshot: RolloutSnapshot,
    rollout: LogicalRollout,
    home: str,
    lines: Iterable[ConversationLine],
    *,
    full: bool,
) -> Iterator[tuple[str, str]]:
    yield from _header(snapshot, rollout, home)
    for line in lines:
        if line.problem:
            yield f"\n[line {line.number}: {neutral(line.problem)}]", "red"
        if line.entry is None or not line.entry.text.strip():
            continue
        entry = line.entry
        text = neutral(entry.text.strip("\n"))
        when = one_line(entry.timestamp[11:19])
        if entry.role is Role.TOOL:
            yield from _tool(text, one_line(entry.name), entry.is_tool_output, full)
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
    """Keep the beginning and the end of a long text, and say what is left out."""
    parts = text.split("\n")
    if full or len(parts) <= _FOLDED_LINES + 1:
        return "\n".join(parts if full else [_short(part) for part in parts])
    half = _FOLDED_LINES // 2
    kept = [_short(part) for part in (*parts[:half], *parts[-half:])]
    kept.insert(half, f"… {len(parts) - _FOLDED_LINES} lines (--full shows them)")
    return "\n".join(kept)


def _short(part: str, limit: int = 500) -> str:
    return part if len(part) <= limit else f"{part[:limit]}… {len(part) - limit} characters"


def _header(
    snapshot: RolloutSnapshot, rollout: LogicalRollout, home: str
) -> Iterator[tuple[str, str]]:
    head = read_head(rollout.path)
    name = thread_names(home).get(rollout.thread_id)
    title = rollout.thread_id + (f"  {one_line(name)}" if name else "")
    facts = [rollout.name.started.isoformat(" ", "seconds")]
    if head.meta is not None:
        meta = head.meta
        version = f"codex {meta.cli_version}" if meta.cli_version else ""
        facts += [one_line(meta.cwd), one_line(version), one_line(meta.source)]
    facts.append(head.problem)
    facts.append(f"{size_text(snapshot.size)} {snapshot.form}")
    yield title, "bold"
    yield "  ".join(filter(None, facts)), "dim"
    yield neutral(snapshot.physical), "dim"


COMMANDS = (show,)
