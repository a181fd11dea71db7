"""``codexlab rollout search``: find words and deeds in all transcripts."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from ....kernel.errands.own_programs import find_own_program
from ....rollout.reading.entries import CONVERSATION, Role
from ....rollout.search.query import make_query
from ....rollout.search.search import search_rollouts
from ...transcripts.options import filter_options, filters_from, home_option, json_option, moment
from ...ui.grouped_help import GroupedHelp, grouped_option
from ...ui.json_lines import json_lines, path_text
from ...ui.terminal import neutral, on_one_line, one_line
from ...ui.whole_number import WholeNumber

if TYPE_CHECKING:
    from ....rollout.search.excerpts import Excerpt
    from ....rollout.search.match import SearchedRollout, SearchHit
    from ....rollout.store.scan import UnreadableDirectory

_WHAT, _SHOWN, _HOW = "What matches", "What is shown", "How it searches"
_FOUND, _NOTHING, _INCOMPLETE = 0, 1, 125


@click.command(cls=GroupedHelp)
@click.argument("pattern")
@grouped_option(
    _WHAT, "-e", "--regex", is_flag=True, help="PATTERN is a Python regular expression."
)
@grouped_option(_WHAT, "-i", "--ignore-case", is_flag=True, help="Ignore the case of letters.")
@grouped_option(
    _WHAT,
    "--role",
    "roles",
    multiple=True,
    type=click.Choice([role.value for role in Role]),
    help="Only entries of this role; repeatable.  [default: the conversation]",
)
@home_option
@filter_options
@grouped_option(
    _SHOWN, "-C", "--context", type=WholeNumber(0, 100), default=0, help="Lines around a match."
)
@grouped_option(
    _SHOWN, "-l", "--threads-only", is_flag=True, help="Print only thread ids, each once."
)
@grouped_option(_SHOWN, "--limit", type=WholeNumber(1), help="Stop after this many entries.")
@grouped_option(_HOW, "-j", "--processes", type=WholeNumber(1, 64), help="[default: one per core]")
@grouped_option(
    _HOW, "--no-rg", is_flag=True, help="Do not use ripgrep even where it is installed."
)
@json_option
def search(
    pattern: str,
    home: str,
    regex: bool,
    ignore_case: bool,
    context: int,
    threads_only: bool,
    roles: tuple[str, ...],
    since: str | None,
    until: str | None,
    limit: int | None,
    processes: int | None,
    no_rg: bool,
    as_json: bool,
    **choice: Any,
) -> int:
    """Search the text of conversations for PATTERN, newest thread first.

    --since and --until apply to the time of each entry. Entries that the user took back are marked;
    -l ignores them. The exit status is 0 when something was found, and 1 when nothing was. It is
    125 when nothing was found and a directory could not be read.
    """
    query = make_query(
        pattern,
        regex=regex,
        ignore_case=ignore_case,
        roles=frozenset(map(Role, roles)) or CONVERSATION,
        since=None if since is None else moment(since, "--since"),
        until=None if until is None else moment(until, "--until"),
        context=context,
        present=threads_only,
    )
    unreadable: list[UnreadableDirectory] = []
    results = search_rollouts(
        home,
        query,
        filters_from(since=None, until=until, **choice),
        processes=processes or len(os.sched_getaffinity(0)),
        ripgrep=None if no_rg else find_own_program("rg"),
        most=1 if threads_only else limit,
        on_unreadable=unreadable.append,
    )
    shown = 0
    for result in results:
        for problem in result.problems:
            click.echo(on_one_line(f"codexlab: {result.rollout.path}: {problem}"), err=True)
        hits = result.hits if limit is None else result.hits[: limit - shown]
        if hits:
            _write(result, hits, first=not shown, threads_only=threads_only, as_json=as_json)
        shown += len(hits)
        if shown == limit:
            break
    for each in unreadable:
        click.echo(on_one_line(f"codexlab: left out {each.path}: {each.reason}"), err=True)
    if shown:
        return _FOUND
    return _INCOMPLETE if unreadable else _NOTHING


def _write(
    result: SearchedRollout,
    hits: tuple[SearchHit, ...],
    *,
    first: bool,
    threads_only: bool,
    as_json: bool,
) -> None:
    if threads_only:
        _write_thread(result, as_json)
    elif as_json:
        _write_json(result, hits)
    else:
        if not result.continued:
            _write_head(result, first)
        _write_text(hits)


def _write_thread(result: SearchedRollout, as_json: bool) -> None:
    if as_json:
        _write_objects([_origin(result)])
    else:
        click.echo(result.rollout.thread_id)


def _origin(result: SearchedRollout) -> dict[str, Any]:
    return {
        "thread": result.rollout.thread_id,
        "path": path_text(result.rollout.path),
        "archived": result.rollout.archived,
        "cwd": result.cwd or None,
    }


def _write_json(result: SearchedRollout, hits: tuple[SearchHit, ...]) -> None:
    origin = _origin(result)
    _write_objects(
        [
            origin
            | {
                "line": hit.line,
                "role": hit.entry.role,
                "kind": hit.entry.kind,
                "timestamp": hit.entry.timestamp or None,
                "name": hit.entry.name or None,
                "matches": hit.matches,
                "reverted": hit.reverted,
                "excerpts": [
                    {
                        "before": part.before,
                        "text": part.line,
                        "span": part.span,
                        "after": part.after,
                    }
                    for part in hit.excerpts
                ],
            }
            for hit in hits
        ]
    )


def _write_objects(documents: list[dict[str, Any]]) -> None:
    out = sys.stdout.buffer
    out.write(json_lines(documents))
    out.flush()


def _write_head(result: SearchedRollout, first: bool) -> None:
    rollout = result.rollout
    when = rollout.name.started.isoformat(" ", "minutes")
    place = " (archived)" if rollout.archived else ""
    if not first:
        click.echo()
    click.secho(rollout.thread_id, bold=True, nl=False)
    click.secho(f"  {when}  {one_line(result.cwd)}{place}", dim=True)


def _write_text(hits: tuple[SearchHit, ...]) -> None:
    for hit in hits:
        entry = hit.entry
        name = f" {one_line(entry.name)}" if entry.name else ""
        head = f"  {hit.line}: {entry.role.value}{name} {one_line(entry.timestamp[:19])}"
        click.secho(head + (" (taken back)" if hit.reverted else ""), fg="cyan")
        for index, excerpt in enumerate(hit.excerpts):
            if index and (excerpt.before or excerpt.after):
                click.secho("    --", dim=True)
            _write_excerpt(excerpt)


def _write_excerpt(excerpt: Excerpt) -> None:
    for line in excerpt.before:
        click.secho(f"    {neutral(line)}", dim=True)
    start, end = excerpt.span
    marked = click.style(neutral(excerpt.line[start:end]), fg="red", bold=True)
    click.echo(f"    {neutral(excerpt.line[:start])}{marked}{neutral(excerpt.line[end:])}")
    for line in excerpt.after:
        click.secho(f"    {neutral(line)}", dim=True)
