"""Finish what a run has written down and could not see to its end.

The files are in a workspace, where an agent may have put anything in their place. They are read and
written below an open directory, and never through a link.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

from ...kernel.files.atomic import replace_file, write_all
from ...kernel.files.regular_file import open_regular, read_regular
from ...kernel.json_object import parse_json_object

RECORD, EVENTS = "record.json", "events.ndjson"
LOST: Mapping[str, Any] = {
    "reason": "supervisor-lost",
    "exit_status": 125,
    "agent_outcome": "failed",
    "why": "its supervisor died",
}
_TEMPORARY = rf"\.{re.escape(RECORD)}\.[0-9a-f]{{12}}\.tmp"
_TAIL = 65536


def finish_record(
    directory: int, contained: Mapping[str, Any], ending: Mapping[str, Any] = LOST
) -> dict[str, Any]:
    """Add to a run's record what it does not say, and drop what a killed writer left.

    What the record says already stays, for it was known by who saw the agent end.

    :param directory: the run's, open.
    :param contained: what the kernel showed when the run was ended.
    :param ending: how the run ended, by whoever knows it; ``finished`` is now unless given.
    :returns: the record as it is now.
    :raises OSError, ValueError: the record cannot be read, or not be written.
    """
    drop_temporaries(directory)
    content = read_object(RECORD, directory)
    missing: dict[str, Any] = {}
    if content.get("reason") is None:
        missing = {"finished": now(), **ending}
    if not _shows_an_end(content.get("contained")):
        missing["contained"] = dict(contained)
    if missing:
        content.update(missing)
        write_object(RECORD, directory, content)
    return content


def _shows_an_end(contained: object) -> bool:
    """Tell whether nothing was left of the agent: what is found later is not of its end."""
    return isinstance(contained, dict) and cast("dict[str, Any]", contained).get("left") == 0


def drop_temporaries(directory: int) -> None:
    """Remove what a writer of the record left that was killed before its rename."""
    for name in (name for name in os.listdir(directory) if re.fullmatch(_TEMPORARY, name)):
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=directory)


def finish_events(
    directory: int, contained: Mapping[str, Any], record: Mapping[str, Any] = LOST
) -> None:
    """Append the events that a run ends with, unless it has had its last one.

    :param record: its finished record, where there is one.
    :raises OSError: they cannot be read, or not be written.
    """
    fd = open_regular(EVENTS, os.O_RDWR | os.O_APPEND, dir_fd=directory)
    try:
        found = os.fstat(fd)
        if found.st_nlink > 1:
            # The other name is not of our making, and its file not ours to write to.
            return
        tail = os.pread(fd, _TAIL, max(0, found.st_size - _TAIL))
        last = _last_event(tail.splitlines())
        if last.get("event") == "run.finished":
            return
        # The supervisor may have died in the middle of a line.
        lines = b"" if not tail or tail.endswith(b"\n") else b"\n"
        names = ("reason", "exit_status", "agent_outcome", "why", "thread")
        rest: tuple[dict[str, Any], ...] = (
            {"event": "contained", **contained},
            {"event": "run.finished", **{name: record[name] for name in names if name in record}},
        )
        for number, body in enumerate(rest, start=1):
            lines += _event(last, number, body)
        write_all(fd, lines)
    finally:
        os.close(fd)


def _event(last: Mapping[str, Any], number: int, body: Mapping[str, Any]) -> bytes:
    before = last.get("seq")
    event: dict[str, Any] = {
        **{key: last[key] for key in ("v", "run_id", "issue", "attempt") if key in last},
        "seq": (before if isinstance(before, int) else 0) + number,
        "ts": now(),
        "mono": round(time.monotonic(), 6),
        **body,
    }
    return _encode(event, None) + b"\n"


def _last_event(lines: Sequence[bytes]) -> dict[str, Any]:
    for line in reversed(lines):
        with contextlib.suppress(ValueError):
            return parse_json_object(line)
    return {}


def read_object(name: str, directory: int) -> dict[str, Any]:
    """Return the JSON object in a file.

    :raises OSError, ValueError: there is none.
    """
    return parse_json_object(read_regular(name, dir_fd=directory))


def write_object(name: str, directory: int, content: Mapping[str, Any]) -> None:
    """Replace a file by one that holds a JSON object.

    :raises OSError: the disk is full or gone; the file before is intact.
    """
    replace_file(name, _encode(content, 2) + b"\n", dir_fd=directory)


def _encode(content: Mapping[str, Any], indent: int | None) -> bytes:
    import json

    separators = (",", ":") if indent is None else None
    return json.dumps(content, indent=indent, separators=separators).encode()


def now() -> str:
    """Return this instant as an event's ``ts`` says it."""
    seconds, fraction = divmod(time.time(), 1)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{fraction * 1000:03.0f}Z"
