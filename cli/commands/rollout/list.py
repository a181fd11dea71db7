"""``codexlab rollout list``: list the transcripts."""

from __future__ import annotations

import datetime as dt
import sys
from typing import Any

import click

from ....rollout.catalog.listing import ListPage, Order, list_rollouts
from ....rollout.catalog.pieces import Pieces
from ....rollout.catalog.threads import ListEntry
from ....rollout.catalog.titles import thread_names, title_of
from ....rollout.reading.heads import read_head
from ....rollout.reading.snapshot import NoSuchRolloutError, NotARolloutFileError
from ....rollout.store.rollout_ref import RolloutRef
from ...context.issue_threads import threads_by_issue
from ...transcripts.options import (
    filter_options,
    filters_from,
    home_option,
    json_option,
    local_time,
)
from ...transcripts.results import show_left_out
from ...ui.grouped_help import GroupedHelp, grouped_option
from ...ui.json_lines import json_bytes, path_text
from ...ui.non_empty import NON_EMPTY_TEXT
from ...ui.terminal import fit, one_line, size_text, terminal_width
from ...ui.whole_number import WholeNumber

_PAGE = 50
_PAGES = "Order and pages"


@click.command("list", cls=GroupedHelp)
@home_option
@filter_options
@grouped_option(
    _PAGES,
    "--order",
    type=click.Choice([order.value for order in Order]),
    default="created",
    show_default=True,
    help="The time to sort by, newest first.",
)
@grouped_option(
    _PAGES, "--limit", type=WholeNumber(1), default=_PAGE, show_default=True, help="Rows on a page."
)
@grouped_option(_PAGES, "--all", "everything", is_flag=True, help="No limit.")
@grouped_option(
    _PAGES,
    "--after",
    "cursor",
    type=NON_EMPTY_TEXT,
    metavar="CURSOR",
    help="The `next` of the previous page.",
)
@json_option
def list_command(
    home: str,
    order: str,
    limit: int,
    everything: bool,
    cursor: str | None,
    as_json: bool,
    **choice: Any,
) -> int:
    """List threads, newest first, in both forms, active and archived.

    --limit counts threads without those of subagents. Each thread is followed by at most ten of its
    subagents' threads, marked. The exit status is 125 when a directory could not be read.
    """
    page = list_rollouts(
        home,
        filters_from(**choice),
        order=Order(order),
        limit=None if everything else limit,
        cursor=cursor,
        with_subagents=True,
    )
    names, issues = thread_names(home), threads_by_issue()
    if as_json:
        _write_json(page, names, issues)
    else:
        _write_table(page, Pieces(home), names, issues)
    for bad in page.unreadable:
        show_left_out(bad)
    return 125 if page.unreadable else 0


def _write_json(page: ListPage, names: dict[str, str], issues: dict[str, str]) -> None:
    out = sys.stdout.buffer
    out.write(b'{"rollouts":[')
    for index, entry in enumerate(page.entries):
        out.write((b",\n" if index else b"\n") + json_bytes(document(page, entry, names, issues)))
    tail = {
        "next": page.next,
        "unreadable": [{"path": bad.path, "reason": bad.reason} for bad in page.unreadable],
    }
    out.write(b"\n]," + json_bytes(tail)[1:] + b"\n")
    out.flush()


def document(
    page: ListPage, entry: ListEntry, names: dict[str, str], issues: dict[str, str]
) -> dict[str, Any]:
    """Describe one thread for ``--json``; undecodable bytes of paths are replaced."""
    rollout, head, meta = entry.rollout, entry.head, entry.head.meta
    changed, size, files = _extent(page, entry)
    return {
        "thread": rollout.thread_id,
        "path": path_text(rollout.path),
        "form": head.form,
        "both_forms": rollout.plain_seen and rollout.compressed_seen,
        "archived": rollout.archived,
        "started": page.began(entry),
        "updated": _moment(changed),
        "size": size,
        "files": [path_text(file.path) for file in files],
        "revert": rollout.name.rollout_id,
        "name": names.get(rollout.thread_id),
        "issue": issues.get(rollout.thread_id),
        "cwd": meta.cwd if meta else None,
        "source": meta.source if meta else None,
        "subagent": (meta.subagent or None) if meta else None,
        "parent": (meta.parent or None) if meta else None,
        "forked_from": (meta.forked_from or None) if meta else None,
        "cli_version": meta.cli_version if meta else None,
        "model_provider": meta.model_provider if meta else None,
        "problem": head.problem or None,
    }


def _extent(page: ListPage, entry: ListEntry) -> tuple[int, int, tuple[RolloutRef, ...]]:
    """Return a thread's last change, its bytes on disk, and its files, oldest first."""
    several = page.several.get(entry.rollout.thread_id)
    if several is None:
        return entry.head.mtime_ns, entry.head.size, (entry.rollout,)
    heads = [read_head(file.path) for file in several.files]
    changed = max(head.mtime_ns for head in heads)
    return changed, sum(head.size for head in heads), several.files


def _moment(mtime_ns: int) -> str:
    """Format a file's time; a time outside the calendar becomes the calendar's nearest end."""
    try:
        then = dt.datetime.fromtimestamp(mtime_ns // 1_000_000 / 1000, dt.UTC)
    except (ValueError, OverflowError, OSError):
        end = dt.datetime.max if mtime_ns > 0 else dt.datetime.min
        then = end.replace(tzinfo=dt.UTC)
    return then.isoformat(timespec="milliseconds")


def _write_table(
    page: ListPage, pieces: Pieces, names: dict[str, str], issues: dict[str, str]
) -> None:
    rows = [
        (*_facts(page, entry, issues), one_line(_title(entry, names, pieces)))
        for entry in page.entries
    ]
    if rows:
        _write_rows([("STARTED", "THREAD", "SIZE", "FORM", "ISSUE", "DIRECTORY", "TITLE"), *rows])
    if page.next is not None:
        click.echo(f"more: --after '{page.next}'", err=True)
    elif not rows and not page.unreadable:
        click.echo("no rollouts", err=True)


def _facts(page: ListPage, entry: ListEntry, issues: dict[str, str]) -> tuple[str, ...]:
    rollout, head = entry.rollout, entry.head
    form = "both" if rollout.plain_seen and rollout.compressed_seen else str(head.form or "gone")
    return (
        local_time(page.began(entry)).isoformat(" ", "minutes"),
        rollout.thread_id,
        size_text(_extent(page, entry)[1]),
        form + (" (archived)" if rollout.archived else ""),
        one_line(issues.get(rollout.thread_id, "-"), 24),
        one_line(head.meta.cwd, 60) if head.meta else "-",
    )


def _title(entry: ListEntry, names: dict[str, str], pieces: Pieces) -> str:
    """Return a thread's title with its marks."""
    meta = entry.head.meta
    if meta is None:
        return f"({entry.head.problem})"
    title = names.get(entry.rollout.thread_id) or _asked(entry, pieces)
    if meta.subagent:
        whose = f"subagent of {meta.parent}" if meta.parent else f"subagent: {meta.subagent}"
        title = f"↳ {title} ({whose})"
    return " ".join(filter(None, (title, entry.head.problem and f"({entry.head.problem})")))


def _asked(entry: ListEntry, pieces: Pieces) -> str:
    try:
        return title_of(entry.rollout, pieces)
    except (NoSuchRolloutError, NotARolloutFileError):
        return "(gone)"
    except OSError as error:
        return f"({error.strerror})"


def _write_rows(rows: list[tuple[str, ...]]) -> None:
    """Align all columns but the last, which a terminal cuts."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    width = terminal_width()
    for row in rows:
        fixed = "  ".join(
            text.rjust(w) if column == 2 else fit(text, w)
            for column, (text, w) in enumerate(zip(row[:-1], widths, strict=True))
        )
        room = None if width is None else max(12, width - len(fixed) - 2)
        last = row[-1] if room is None else fit(row[-1], room).rstrip()
        click.echo(f"{fixed}  {last}".rstrip())
