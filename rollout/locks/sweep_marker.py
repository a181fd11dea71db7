"""Say that a store was swept to the end just now, so that many launches do not look again.

The note stands in the sweeps' own lock file, and the holder of the lock writes it. It is
about a sweep that looked at everything and left nothing to do. The note is only a hint.
Without a good one, a sweep runs and finds nothing to do. A launch that heeds it puts off
by minutes what the next sweep does.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from typing import Any

from ...kernel.files.atomic import write_all
from ...kernel.files.regular_file import open_regular, read_both_ends
from ...kernel.json_object import parse_json_object
from ...kernel.process.identity import boot_id

_VERSION = 1
_LONGEST_NOTE = 4096


def note_swept(lock: str, cold_age: float) -> None:
    """Note a sweep that ended now.

    :param lock: the path of the store's sweep lock, which the caller holds.
    :param cold_age: seconds; what is younger was left alone.
    """
    note = {"v": _VERSION, "boot": boot_id(), "at": _now(), "cold_age": cold_age}
    fd = open_regular(lock, os.O_WRONLY | os.O_TRUNC)
    try:
        write_all(fd, json.dumps(note).encode())
    finally:
        os.close(fd)


def seconds_since_sweep(lock: str, cold_age: float) -> float | None:
    """Return when everything that cold was last swept to the end, in seconds before now.

    Counted on the clock that nobody sets. None where nothing says so.
    """
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        note = _read_note(lock)
        since = _now() - float(note["at"])
        if note["boot"] == boot_id() and since >= 0 and float(note["cold_age"]) <= cold_age:
            return since
    return None


def _read_note(lock: str) -> dict[str, Any]:
    return parse_json_object(read_both_ends(lock, _LONGEST_NOTE)[0])


def _now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)
