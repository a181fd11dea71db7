"""Append records to a rollout as its thread's only writer, whatever its form."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable

from ...kernel.errors import CallerError
from ..operations.file_ops import FileOps
from ..operations.handle import StoreHandle
from ..reading.snapshot import NoSuchRolloutError, open_regular
from ..store.rollout_ref import RolloutRef
from .materialize import materialize

_ATTEMPTS = 8


class NotALineError(CallerError):
    """A record that was to be appended is not one line."""

    def __init__(self, line: bytes) -> None:
        self.line = line
        super().__init__(
            f"cannot append {line[:40]!r}: expected one record without a line feed, not empty"
        )


def append(store: StoreHandle, rollout: RolloutRef, records: Iterable[bytes]) -> str:
    """Append records, durably, each as one line.

    The thread's writer lease is taken and given back. A compressed rollout is
    materialized first. A torn last line gets its line feed and stays as it is.

    :param records: one JSON record each, without its line feed.
    :returns: the path the lines are at now: the plain path.
    :raises NotALineError: a record is empty or holds a line feed; nothing was done.
    :raises ThreadBusyError: somebody else writes the thread.
    :raises NoSuchRolloutError: neither form exists.
    :raises DisagreementError: both exist and disagree.
    :raises OSError: the disk is full, or the like. A part of the lines may be there, for
        written bytes are never cut away. The next append ends a torn line.

    Not promised: that no line of a program without locks comes between.
    """
    data = b"".join(map(_as_line, records))
    with store.locks.lease(rollout.thread_id) as lease:
        for _ in range(_ATTEMPTS):
            materialize(store, rollout, lease)
            # A compressor of a home that is not linked to this one may be quicker.
            with contextlib.suppress(FileNotFoundError):
                append_to_plain(rollout.path, data, store.ops)
                return rollout.path
    raise NoSuchRolloutError(rollout.path)


def append_to_plain(path: str, data: bytes, ops: FileOps) -> None:
    """Append whole lines to an existing plain file in one write, and make them durable."""
    fd = open_regular(path, os.O_RDWR | os.O_APPEND)
    try:
        ops.append(fd, b"\n" + data if ends_torn(fd) else data)
        ops.sync_file(fd)
    finally:
        os.close(fd)


def ends_torn(fd: int) -> bool:
    """Tell whether the last line has no line feed."""
    size = os.fstat(fd).st_size
    return size > 0 and os.pread(fd, 1, size - 1) != b"\n"


def _as_line(record: bytes) -> bytes:
    if not record or b"\n" in record:
        raise NotALineError(record)
    return record + b"\n"
