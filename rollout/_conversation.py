"""Read a rollout as a conversation: entries in order, tool calls with their outputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ._entries import CONVERSATION, Entry, Role, entry_of
from ._reader import LineFault, iter_lines
from ._records import parse_record
from ._snapshot import RolloutSnapshot

_PASSED_OVER = LineFault.BYTE_ORDER_MARK


@dataclass(frozen=True, slots=True)
class ConversationLine:
    """One line of a rollout as an entry, or what is wrong with it.

    :param number: of the line, 1 for the first.
    :param entry: None when the line is no record.
    :param problem: what is wrong with the line, "" when nothing is.
    """

    number: int
    entry: Entry | None
    problem: str


def read_conversation(
    snapshot: RolloutSnapshot, roles: Iterable[Role] = CONVERSATION
) -> Iterator[ConversationLine]:
    """Yield the entries of these roles, and every line that is damaged, in order.

    Blank lines are nothing. A line with a fault that parses all the same is an
    entry with a problem.
    """
    wanted = frozenset(roles)
    for line in iter_lines(snapshot):
        fault = line.fault & ~_PASSED_OVER
        if not line.data.strip() and not fault:
            continue
        record = parse_record(line.data)
        if record is None and fault & LineFault.INVALID_UTF8:
            record = parse_record(line.data.decode(errors="replace").encode())
        entry = None if record is None else entry_of(record)
        if entry is None or entry.role in wanted:
            yield ConversationLine(line.number, entry, _problem(entry, fault, line.detail))


def _problem(entry: Entry | None, fault: LineFault, detail: str) -> str:
    if fault & LineFault.DAMAGED:
        return f"damaged from here: {detail}"
    if fault & LineFault.TOO_LONG:
        return "too long to be read"
    if fault & LineFault.INVALID_UTF8:
        return "not valid UTF-8"
    if entry is None:
        return "torn" if fault & LineFault.UNTERMINATED else "not a JSON object"
    return ""
