"""Search one rollout: candidate lines are parsed, judged by role and time, and matched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any

from ...kernel.values import frozen
from ..catalog.filters import Chooser
from ..catalog.pieces import Cut
from ..codec.measure import is_hollow
from ..reading.entries import Entry, Role, all_text, entries_of
from ..reading.heads import head_of
from ..reading.lines import MAX_LINE_BYTES
from ..reading.moments import local_as_utc
from ..reading.records import is_object, parse_record, text_of
from ..reading.snapshot import (
    NoSuchRolloutError,
    NotARolloutFileError,
    RolloutSnapshot,
    open_snapshot,
)
from ..reading.taken_back import taken_back
from ..store.names import RolloutForm
from ..store.rollout_ref import RolloutRef
from .candidate_lines import TOO_LONG, Candidate, Problems, candidates, is_unwanted
from .candidate_positions import candidate_positions
from .excerpts import Excerpt, excerpts_of
from .query import Query
from .ripgrep_process import Positions

# Of at most 250 characters each.
_LINES_AT_ONCE = 4096


@frozen
class SearchHit:
    """One entry with at least one match.

    :param rollout: where it is.
    :param line: number of its line, 1 for the first.
    :param entry: role, kind, time and tool; its ``text`` is left out.
    :param excerpts: one for each line of text with a match, 20 at most.
    :param matches: how many matches the entry holds.
    :param reverted: the user went back to a point before it, and codex goes on without it.
    """

    rollout: RolloutRef
    line: int
    entry: Entry
    excerpts: tuple[Excerpt, ...]
    matches: int
    reverted: bool = False


@frozen
class SearchedRollout:
    """The hits and problems of one rollout, or a part of them.

    :param cwd: where its agent worked, "" when not known.
    :param hits: in order.
    :param problems: why parts of it were not searched.
    :param continued: the rollout's hits before these came just before, in results of their own.
    """

    rollout: RolloutRef
    cwd: str
    hits: tuple[SearchHit, ...]
    problems: tuple[str, ...]
    continued: bool = False


def search_one(
    rollout: RolloutRef,
    positions: Positions | None,
    query: Query,
    chooser: Chooser,
    most: int | None = None,
    cut: Cut | None = None,
) -> Iterator[SearchedRollout]:
    """Search one rollout; yield nothing when there is nothing to say about it.

    Many hits are handed on some at a time, so that memory does not grow with their number.

    :param positions: of the candidate lines in its plain form, when they are known.
    :param most: stop after so many hits.
    :param cut: where what its thread goes on from ends in it.
    """
    problems = Problems()
    cwd, hits, continued = "", _Hits(), False
    try:
        with open_snapshot(rollout.path, patience=0) as snapshot:
            if _is_out(rollout, snapshot, query, chooser):
                return
            found = _find_hits(rollout, snapshot, positions, query, problems)
            for hit in islice(_present(found, snapshot, query, cut), most):
                if not hits:
                    cwd = _cwd(snapshot)
                elif hits.is_full():
                    yield SearchedRollout(rollout, cwd, hits.take(), (), continued)
                    continued = True
                hits.add(hit)
    except NoSuchRolloutError:
        return  # deleted since it was listed
    except NotARolloutFileError as error:
        problems.note(str(error))
    except OSError as error:
        problems.note(error.strerror or str(error))
    if hits or problems.reasons:
        yield SearchedRollout(rollout, cwd, hits.take(), tuple(problems.reasons), continued)


class _Hits:
    """Hits that wait to be handed on, and how much they hold."""

    def __init__(self) -> None:
        self._hits: list[SearchHit] = []
        self._lines = 0

    def __bool__(self) -> bool:
        return bool(self._hits)

    def add(self, hit: SearchHit) -> None:
        self._hits.append(hit)
        self._lines += sum(1 + len(each.before) + len(each.after) for each in hit.excerpts)

    def is_full(self) -> bool:
        return self._lines >= _LINES_AT_ONCE

    def take(self) -> tuple[SearchHit, ...]:
        taken, self._hits, self._lines = tuple(self._hits), [], 0
        return taken


def _find_hits(
    rollout: RolloutRef,
    snapshot: RolloutSnapshot,
    positions: Positions | None,
    query: Query,
    problems: Problems,
) -> Iterator[tuple[dict[str, Any], SearchHit]]:
    for number, line in _candidates(snapshot, positions, query, problems):
        yield from _judge(rollout, number, line, query)


def _present(
    found: Iterable[tuple[dict[str, Any], SearchHit]],
    snapshot: RolloutSnapshot,
    query: Query,
    cut: Cut | None,
) -> Iterator[SearchHit]:
    """Mark what was taken back, or leave it out; only where there is a hit is that looked for."""
    back: list[range] | None = None
    for record, hit in found:
        back = taken_back(snapshot) if back is None else back
        reverted = any(hit.line in lines for lines in back)
        reverted |= cut is not None and not cut.takes(record)
        if not reverted:
            yield hit
        elif not query.present:
            yield replace(hit, reverted=True)


def _is_out(rollout: RolloutRef, snapshot: RolloutSnapshot, query: Query, chooser: Chooser) -> bool:
    # No entry is newer than the file's last change.
    if query.since is not None and snapshot.mtime_ns < _nanoseconds(query.since):
        return True
    return chooser.looks_at_heads and not chooser.fits(rollout, head_of(snapshot))


def _nanoseconds(timestamp: str) -> int:
    return int(datetime.fromisoformat(timestamp).timestamp()) * 10**9


def _cwd(snapshot: RolloutSnapshot) -> str:
    meta = head_of(snapshot).meta
    return "" if meta is None else meta.cwd


def _candidates(
    snapshot: RolloutSnapshot, positions: Positions | None, query: Query, problems: Problems
) -> Iterator[Candidate]:
    is_plain = snapshot.form is RolloutForm.PLAIN
    if not is_plain or not query.needle or is_hollow(snapshot.fd, snapshot.size):
        # Positions that ripgrep found in a plain form now gone mean nothing here.
        return candidates(snapshot, query, problems)
    found = candidate_positions(snapshot, query) if positions is None else positions
    return _at_positions(snapshot, found, query, problems)


def _at_positions(
    snapshot: RolloutSnapshot,
    positions: Iterable[tuple[int, int]],
    query: Query,
    problems: Problems,
) -> Iterator[Candidate]:
    with open(snapshot.fd, "rb", buffering=1 << 14, closefd=False) as file:
        for number, offset in positions:
            file.seek(offset)
            line = file.readline(MAX_LINE_BYTES + 1).rstrip(b"\n")
            if len(line) > MAX_LINE_BYTES:
                problems.note(TOO_LONG)
            elif not is_unwanted(line, query):
                yield number, line


def _judge(
    rollout: RolloutRef, number: int, line: bytes, query: Query
) -> Iterator[tuple[dict[str, Any], SearchHit]]:
    record = parse_record(line.removeprefix(b"\xef\xbb\xbf"))
    if record is None:
        record = parse_record(line.decode(errors="replace").encode())
    if record is None:
        return
    for entry in entries_of(record):
        if entry.role not in query.roles or not _in_time(rollout, entry.timestamp, query):
            continue
        text = _searchable(record, entry)
        excerpts, matches = excerpts_of(text, query.pattern, query.context)
        if matches:
            bare = Entry(entry.role, entry.kind, entry.timestamp, "", entry.name, entry.call_id)
            yield record, SearchHit(rollout, number, bare, excerpts, matches)


def _in_time(rollout: RolloutRef, timestamp: str, query: Query) -> bool:
    if query.since is None and query.until is None:
        return True
    # Old rollouts say of no item when it was: then it counts when its thread began.
    then = timestamp or local_as_utc(rollout.name.timestamp)
    return (query.since is None or then >= query.since) and (
        query.until is None or then < query.until
    )


def _searchable(record: dict[str, object], entry: Entry) -> str:
    """Return texts as the rollout holds them: a needle must not fail for our layout."""
    if entry.role is not Role.TOOL or entry.is_tool_output:
        return entry.text
    payload = record.get("payload", record)
    if not is_object(payload):
        return entry.text
    written = payload.get("arguments", payload.get("input", payload.get("action")))
    arguments = parse_record(text_of(written).encode()) if isinstance(written, str) else written
    return all_text(written if arguments is None else arguments)
