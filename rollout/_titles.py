"""Give a thread a title: the name its user gave it, else what was asked first."""

from __future__ import annotations

import os

from ._entries import Role, entry_of
from ._reader import iter_lines
from ._records import parse_record, text_of
from ._snapshot import RolloutSnapshot

_LINES = 200
_BYTES = 4 << 20


def thread_names(home: str | os.PathLike[str]) -> dict[str, str]:
    """Read codex's ``session_index.jsonl``: the last line about a thread names it.

    :returns: {} when there is none; lines that do not parse are passed over.
    """
    names: dict[str, str] = {}
    try:
        with open(os.path.join(home, "session_index.jsonl"), "rb") as index:
            for line in index:
                record = parse_record(line.strip())
                if record is not None:
                    thread = text_of(record.get("id")).lower()
                    names[thread] = text_of(record.get("thread_name"))
    except FileNotFoundError:
        return {}
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
