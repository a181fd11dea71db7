"""Give a thread a title: the name its user gave it, else what was asked first."""

from __future__ import annotations

import os
from typing import BinaryIO

from ._entries import Role, entry_of
from ._reader import iter_lines
from ._records import parse_record, text_of
from ._snapshot import RolloutSnapshot

_LINES = 200
_BYTES = 4 << 20


def thread_names(home: str | os.PathLike[str]) -> dict[str, str]:
    """Read codex's ``session_index.jsonl``: the last line about a thread names it.

    :returns: {} when there is none, or none that can be read: a name is only a label, and
        whoever lists threads does so without. Lines that do not parse are passed over.
    """
    try:
        with open(os.path.join(home, "session_index.jsonl"), "rb", opener=_open) as index:
            return _names_in(index)
    except OSError:
        return {}


def _open(path: str, flags: int) -> int:
    # A fifo in the file's place does not stop us for ever.
    return os.open(path, flags | os.O_NONBLOCK)


def _names_in(index: BinaryIO) -> dict[str, str]:
    names: dict[str, str] = {}
    for line in index:
        record = parse_record(line.strip())
        if record is not None:
            names[text_of(record.get("id")).lower()] = text_of(record.get("thread_name"))
    return names


def first_prompt(snapshot: RolloutSnapshot) -> str:
    """Return what the user asked first, "" when it is not near the beginning.

    :param snapshot: at most its first 200 lines or 4 MiB are read.
    """
    for line in iter_lines(snapshot, max_line_bytes=_BYTES):
        if line.number > _LINES or line.offset > _BYTES:
            break
        record = parse_record(line.data)
        if record is not None:
            entry = entry_of(record)
            if entry.role is Role.USER:
                return entry.text
    return ""
