"""Proof that a kept file is its thread's, before its bytes are led back into the thread.

An agent can have written the journal, and the files that the journal names. Names and
sizes prove nothing: the files themselves must say whose they are.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager

from ..operations.handle import StoreHandle
from ..reading.lines import Line, LineFault, iter_lines
from ..reading.records import parse_record
from ..reading.session_meta import SessionMetaError, session_meta_of
from ..reading.snapshot import RolloutSnapshot, open_regular
from ..store.names import COMPRESSED, COMPRESSED_SUFFIX, PLAIN
from ..store.rollout_ref import RolloutRef
from .compare import Comparison

_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def is_behind_link(store: StoreHandle, rollout: RolloutRef) -> bool:
    """Tell whether a link, or what is no directory, is on the way from the root to a rollout.

    Each directory is opened by itself. *Not promised*: that none becomes a link later; what
    is done then is done to files of this rollout's names alone.

    :raises OSError: a directory may not be looked at.
    """
    fd = -1
    try:
        fd = os.open(store.root(rollout.root), _DIRECTORY)
        for name in store.relative(rollout).split("/")[:-1]:
            inner = os.open(name, _DIRECTORY, dir_fd=fd)
            os.close(fd)
            fd = inner
    except FileNotFoundError:
        return False  # nor is a rollout there
    except NotADirectoryError:  # so open(2) says of a link here
        return True
    finally:
        if fd >= 0:
            os.close(fd)
    return False


def doubt_of(kept: str, present: str, thread: str, comparison: Comparison | None) -> str | None:
    """Return why a kept file's own lines do not go to a thread; None where they may.

    :param kept: the kept file.
    :param present: the thread's present form.
    :param comparison: of both; None where the present form does not decode.
    """
    with _opened(present) as there:
        if _names_another(there, thread):
            return "the rollout of that name is another thread's"
    with _opened(kept) as ours:
        if _names_another(ours, thread):
            return "the kept file is another thread's; every byte is kept"
        if comparison is not None and not _has_records_only(ours, comparison.lines):
            return "the kept file has lines that are no records; every byte is kept"
    return None


@contextmanager
def _opened(path: str) -> Generator[RolloutSnapshot]:
    form = COMPRESSED if path.endswith(COMPRESSED_SUFFIX) else PLAIN
    fd = open_regular(path)
    try:
        found = os.fstat(fd)
        yield RolloutSnapshot(path, path, form, found.st_size, found.st_mtime_ns, fd)
    finally:
        os.close(fd)


def _names_another(snapshot: RolloutSnapshot, thread: str) -> bool:
    try:
        return session_meta_of(snapshot).id not in ("", thread)
    except SessionMetaError:
        return False  # a file that hid a history need not name a thread


def _has_records_only(snapshot: RolloutSnapshot, start: int) -> bool:
    return all(_may_be_record(line) for line in iter_lines(snapshot) if line.offset >= start)


def _may_be_record(line: Line) -> bool:
    if line.fault & LineFault.UNTERMINATED:
        return not line.data or line.data.startswith(b"{")
    return not line.data.strip() or parse_record(line.data) is not None
