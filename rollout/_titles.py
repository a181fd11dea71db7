"""Give a thread a title: the name its user gave it, else what was asked first."""

from __future__ import annotations

import os
from typing import Any, BinaryIO

from ._entries import Role, entry_of
from ._messages import request_in
from ._reader import iter_lines
from ._records import is_list, is_object, parse_record, text_of
from ._snapshot import RolloutSnapshot

_LINES = 200
_APART = 4
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
    """Return what the user asked first as codex shows it, "" when it is not near the beginning.

    codex's own account of what a person typed follows the message that its model was sent,
    within a few lines. Where it is missing, as in old rollouts, that message counts.

    :param snapshot: at most its first 200 lines or 4 MiB are read.
    """
    sent, last = "", _LINES
    for line in iter_lines(snapshot, max_line_bytes=_BYTES):
        if line.number > last or line.offset > _BYTES:
            break
        record = parse_record(line.data)
        if record is None:
            continue
        typed = _typed(record)
        if typed.strip():
            return request_in(typed)
        if not sent:
            entry = entry_of(record)
            if entry.role is Role.USER and entry.text.strip():
                sent, last = entry.text, line.number + _APART
    return sent


def _typed(record: dict[str, Any]) -> str:
    """Return what codex says that a person typed, "" in any other record."""
    payload = record.get("payload")
    if record.get("type") != "event_msg" or not is_object(payload):
        return ""
    if payload.get("type") == "user_message":
        return text_of(payload.get("message"))
    item = payload.get("item")
    if payload.get("type") != "item_completed" or not is_object(item):
        return ""
    content = item.get("content")
    if item.get("type") != "UserMessage" or not is_list(content):
        return ""
    return "\n".join(text_of(part.get("text")) for part in content if is_object(part))
