"""Which lines of a rollout codex no longer goes on from, because its user went back.

Until 0.135 codex stayed in the file: an event says how many of the last turns no longer
count. (Newer codex goes on in a new file, see ``catalog.pieces``.)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..codec.frame_damage import FrameDamage
from .entries import Role, entries_of
from .lines import iter_lines
from .plain_bytes import plain_chunks
from .records import is_object, parse_record
from .snapshot import RolloutSnapshot

_EVENT = b'"thread_rolled_back"'


def taken_back(snapshot: RolloutSnapshot) -> list[range]:
    """Return the line numbers of what was taken back within a rollout, as ranges in order.

    A rollout without that event is looked through once, without parsing any line.
    """
    return list(_ranges(snapshot)) if _holds_event(snapshot) else []


def _holds_event(snapshot: RolloutSnapshot) -> bool:
    end = b""
    for piece in plain_chunks(snapshot):
        if isinstance(piece, FrameDamage):
            end = b""
            continue
        if _EVENT in piece or _EVENT in end + piece[: len(_EVENT)]:
            return True
        end = piece[-len(_EVENT) :]
    return False


def _ranges(snapshot: RolloutSnapshot) -> Iterator[range]:
    turns: list[int] = []
    for line in iter_lines(snapshot):
        if _EVENT not in line.data and b'"user"' not in line.data:
            continue
        record = parse_record(line.data) or {}
        count = _turns_in(record)
        if count and turns:
            yield range(turns[-min(count, len(turns))], line.number)
            del turns[-count:]
        elif any(entry.role is Role.USER for entry in entries_of(record)):
            turns.append(line.number)


def _turns_in(record: dict[str, Any]) -> int:
    """Return how many turns a record takes back; 0 for any other record."""
    payload = record.get("payload")
    if not is_object(payload) or payload.get("type") != "thread_rolled_back":
        return 0
    count = payload.get("num_turns")
    return count if isinstance(count, int) and count > 0 else 0
