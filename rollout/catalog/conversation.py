"""Read a rollout as a conversation: entries in order, tool calls with their outputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ..reading.entries import CONVERSATION, Entry, Role, entries_of
from ..reading.lines import LineFault, iter_lines
from ..reading.records import parse_record
from ..reading.snapshot import RolloutSnapshot, open_snapshot
from ..reading.taken_back import taken_back
from ..store.rollout_ref import RolloutRef
from .pieces import Cut, History

_PASSED_OVER = LineFault.BYTE_ORDER_MARK


@dataclass(frozen=True, slots=True)
class ConversationLine:
    """One line of a rollout as an entry, or what is wrong with it.

    :param number: of the line, 1 for the first.
    :param entry: None when the line is no record.
    :param problem: what is wrong with the line, "" when nothing is.
    :param reverted: its thread's user went back to before it, so codex goes on without it.
    """

    number: int
    entry: Entry | None
    problem: str
    reverted: bool = False


def read_conversation(
    snapshot: RolloutSnapshot, roles: Iterable[Role] = CONVERSATION, cut: Cut | None = None
) -> Iterator[ConversationLine]:
    """Yield the entries of these roles, and every line that is damaged, in order.

    Blank lines are nothing. A line with a fault that parses all the same is an
    entry with a problem.

    :param cut: where what counts in this file ends; what is behind it is reverted.
    """
    wanted = frozenset(roles)
    back = taken_back(snapshot)
    for line in iter_lines(snapshot):
        fault = line.fault & ~_PASSED_OVER
        if not line.data.strip() and not fault:
            continue
        record = parse_record(line.data)
        if record is None and fault & LineFault.INVALID_UTF8:
            record = parse_record(line.data.decode(errors="replace").encode())
        problem = _problem(record, fault, line.detail)
        reverted = any(line.number in lines for lines in back)
        reverted |= cut is not None and not cut.takes(record, line.offset)
        if record is None:
            yield ConversationLine(line.number, None, problem, reverted)
            continue
        for entry in entries_of(record):
            if entry.role in wanted:
                yield ConversationLine(line.number, entry, problem, reverted)


def read_history(
    history: History, roles: Iterable[Role] = CONVERSATION
) -> Iterator[tuple[RolloutRef, ConversationLine]]:
    """Do what `read_conversation` does for all that a thread goes on from, file by file.

    What was reverted is in it and says so; what another thread, of which this is a fork, went
    on to say is not.

    :raises NoSuchRolloutError: one of the files is gone.
    """
    thread = history.stretches[-1].rollout.thread_id
    for stretch in history.stretches:
        is_own = stretch.rollout.thread_id == thread
        with open_snapshot(stretch.rollout.path) as snapshot:
            for line in read_conversation(snapshot, roles, stretch.cut):
                if is_own or not line.reverted:
                    yield stretch.rollout, line


def _problem(record: dict[str, Any] | None, fault: LineFault, detail: str) -> str:
    if fault & LineFault.DAMAGED:
        return f"damaged from here: {detail}"
    if fault & LineFault.TOO_LONG:
        return "too long to be read"
    if fault & LineFault.INVALID_UTF8:
        return "not valid UTF-8"
    if record is None:
        return "torn" if fault & LineFault.UNTERMINATED else "not a JSON object"
    return ""
