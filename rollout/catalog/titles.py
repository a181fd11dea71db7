"""Give a thread a title: the name its user gave it, else what was asked first."""

from __future__ import annotations

import os
from itertools import islice
from typing import Any, BinaryIO

from ...kernel.files.regular_file import open_regular
from ..reading.entries import Role, entry_of
from ..reading.heads import head_of
from ..reading.lines import iter_lines
from ..reading.messages import request_in
from ..reading.records import is_list, is_object, parse_record, text_of
from ..reading.snapshot import RolloutSnapshot, open_snapshot
from ..store.rollout_ref import RolloutRef
from .pieces import Cut, Pieces, history_of

_LINES = 200
_APART = 4
_BYTES = 4 << 20
_LINE, _NAMES = 64 << 10, 1 << 20


def thread_names(home: str | os.PathLike[str]) -> dict[str, str]:
    """Read codex's ``session_index.jsonl``: the last line about a thread names it.

    :returns: {} when there is none, or none that can be read: a name is only a label, and
        whoever lists threads does so without. Lines that do not parse are passed over.
    """
    try:
        fd = open_regular(os.path.join(home, "session_index.jsonl"), follow=True)
        with open(fd, "rb") as index:
            return _names_in(index)
    except OSError:
        return {}


def _names_in(index: BinaryIO) -> dict[str, str]:
    names: dict[str, str] = {}
    # Part by part: what an agent wrote may be one line without an end.
    for line in islice(iter(lambda: index.readline(_LINE), b""), _NAMES):
        record = parse_record(line.strip())
        if record is not None:
            names[text_of(record.get("id")).lower()] = text_of(record.get("thread_name"))
    return names


def first_prompt(snapshot: RolloutSnapshot, cut: Cut | None = None) -> str:
    """Return the user's first request as codex shows it, "" when it is not near the beginning.

    codex's own account of what a person typed follows the message that its model was sent,
    within a few lines. Where it is missing, as in old rollouts, that message counts.

    :param snapshot: at most its first 200 lines or 4 MiB are read.
    :param cut: where what counts in it ends.
    """
    sent, last = "", _LINES
    for line in iter_lines(snapshot, max_line_bytes=_BYTES, most=2 * _BYTES):
        if line.number > last or line.offset > _BYTES:
            break
        record = parse_record(line.data)
        if record is None:
            continue
        if cut is not None and not cut.takes(record, line.offset):
            break
        typed = _typed(record)
        if typed.strip():
            return request_in(typed)
        if not sent:
            entry = entry_of(record)
            if entry.role is Role.USER and entry.text.strip():
                sent, last = entry.text, line.number + _APART
    return sent


def title_of(rollout: RolloutRef, pieces: Pieces) -> str:
    """Return the first request of a thread's user, in whichever file that is.

    :raises NoSuchRolloutError: it is gone.
    :raises NotARolloutFileError: what has its name is no file.
    :raises OSError: it cannot be read.
    """
    with open_snapshot(rollout.path, patience=0) as snapshot:
        meta = head_of(snapshot).meta
        if rollout.name.rollout_id is None and not (meta and meta.forked_from):
            return first_prompt(snapshot)
    for stretch in history_of(rollout, pieces).stretches:
        with open_snapshot(stretch.rollout.path, patience=0) as snapshot:
            asked = first_prompt(snapshot, stretch.cut)
        if asked:
            return asked
    return ""


def _typed(record: dict[str, Any]) -> str:
    """Return the text that a person typed, by codex's word; "" in any other record."""
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
