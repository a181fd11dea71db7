"""One transcript as text for a person, piece by piece."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

from ....rollout.catalog.conversation import ConversationLine
from ....rollout.catalog.pieces import History, began
from ....rollout.catalog.titles import thread_names
from ....rollout.reading.entries import Role
from ....rollout.reading.heads import read_head
from ....rollout.reading.session_meta import SessionMeta
from ....rollout.reading.snapshot import NoSuchRolloutError, NotARolloutFileError, open_snapshot
from ....rollout.store.rollout_ref import RolloutRef
from ...transcripts.options import local_time
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


def render(
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
