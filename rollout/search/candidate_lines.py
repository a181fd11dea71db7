"""Pick the lines of a rollout that may hold a match, without parsing any."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from ..codec.frame_damage import FrameDamage
from ..reading.entries import Role
from ..reading.lines import MAX_LINE_BYTES
from ..reading.plain_bytes import plain_chunks
from ..reading.snapshot import RolloutSnapshot
from .needle import contains
from .query import Query

# How codex begins every record; only for records that begin just so is the
# type known without parsing them.
_HEAD = re.compile(rb'\{"timestamp":"[^"\\]{0,40}",(?:"ordinal":[0-9]{1,20},)?"type":"(\w{1,60})"')
TOO_LONG = "a line beyond 64 MiB was passed over"
_CHUNK = 256 << 10
_UNWANTED = {b"event_msg": Role.EVENT, b"session_meta": Role.META, b"turn_context": Role.META}

Candidate = tuple[int, bytes]
"""A line's number and its bytes without the newline."""


class Problems:
    """The reasons why parts of one rollout were not searched."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def note(self, reason: str) -> None:
        """Remember a reason once."""
        if reason not in self.reasons:
            self.reasons.append(reason)

    def refuse(self, reason: str) -> None:
        """Report this reason alone: other faults of such a file are no news."""
        self.reasons = [reason]


def candidates(snapshot: RolloutSnapshot, query: Query, problems: Problems) -> Iterator[Candidate]:
    """Yield every line that may hold a match, in order; memory is bounded.

    Damaged frames and lines beyond 64 MiB are noted and passed over.
    """
    number = 0
    for index, block in enumerate(_line_blocks(snapshot, problems)):
        if _may_match(block, query):
            # Counting costs as much as searching: only once there is something to number.
            number = number or 1 + _lines_in(snapshot, index)
            yield from _in_block(block, query, number)
        if number:
            number += block.count(b"\n")


def _lines_in(snapshot: RolloutSnapshot, blocks: int) -> int:
    return sum(block.count(b"\n") for block in islice(_line_blocks(snapshot, Problems()), blocks))


def _may_match(block: bytes, query: Query) -> bool:
    haystack = block.lower() if query.fold and query.needle else block
    return contains(haystack, query.needle)


def is_unwanted(line: bytes, query: Query) -> bool:
    """Tell whether a line is certainly of a role that does not count."""
    head = _HEAD.match(line)
    role = None if head is None else _UNWANTED.get(head[1])
    return role is not None and role not in query.roles


def _line_blocks(snapshot: RolloutSnapshot, problems: Problems) -> Iterator[bytes]:
    """Yield pieces of the rollout that end where a line ends."""
    pending: list[bytes] = []
    length = 0
    for piece in plain_chunks(snapshot, _CHUNK):
        if isinstance(piece, FrameDamage):
            # The rest of the torn line is not to run into what follows.
            pending.append(b"\n")
            if piece.refused:
                problems.refuse(piece.reason)
            else:
                problems.note(f"damaged: {piece.reason}")
            continue
        cut = piece.rfind(b"\n") + 1
        if cut == 0:
            length += len(piece)
            if length <= MAX_LINE_BYTES:
                pending.append(piece)
            else:
                problems.note(TOO_LONG)
                pending.clear()
            continue
        pending.append(piece[:cut] if cut < len(piece) else piece)
        yield pending[0] if len(pending) == 1 else b"".join(pending)
        pending = [piece[cut:]] if cut < len(piece) else []
        length = len(piece) - cut
    if pending:
        yield b"".join(pending)


def _in_block(block: bytes, query: Query, number: int) -> Iterator[Candidate]:
    haystack = block.lower() if query.fold and query.needle else block
    counted = position = 0
    while (position := haystack.find(query.needle, position)) != -1:
        start = block.rfind(b"\n", 0, position) + 1
        end = block.find(b"\n", position)
        end = len(block) if end == -1 else end
        number += block.count(b"\n", counted, start)
        counted = start
        line = block[start:end]
        if line and not is_unwanted(line, query):
            yield number, line
        position = end + 1
        if position >= len(block):
            return
