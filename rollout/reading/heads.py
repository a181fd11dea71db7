"""Read just enough of a rollout to list it: one open, one read of 4 KiB.

codex writes the facts of a thread first and the model's instructions, some 20 KB,
behind them in the same record. The first 4 KiB are cut before the instructions and
closed by two braces. If they then parse as an object within an object, the cut lay
outside every string and at the right depth. So the facts before it are whole.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Self

from ..store.names import PLAIN, RolloutForm
from ..store.rollout_ref import RolloutRef
from .records import is_object, parse_record
from .session_meta import (
    HISTORY_MODES,
    NOTHING,
    OLD_FORMAT,
    SessionMeta,
    SessionMetaError,
    parse_session_meta,
    session_meta_of,
)
from .snapshot import NoSuchRolloutError, NotARolloutFileError, RolloutSnapshot, open_snapshot

_HEAD = 4096
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
_INSTRUCTIONS = b',"base_instructions":'
# The record's own time comes first, the thread's behind the ids in the payload.
_STAMP, _PAYLOAD = b'"timestamp":"', 100


class RolloutHead:
    """The facts that a listing shows of one rollout; its metadata is parsed on first use.

    :param size: bytes on disk of the form that was read.
    :param mtime_ns: codex's ``updated_at``, in nanoseconds; 0 when it is gone.
    :param form: the form that was read; None when it is gone.
    :param meta: the metadata without ``raw``, and why it, or codex itself, cannot read it.
    :param unread: its first record, cut before the instructions and closed again, and
        whose it is; parsed on first use.
    """

    __slots__ = ("_meta", "_problem", "_unread", "form", "mtime_ns", "size")

    def __init__(
        self,
        size: int,
        mtime_ns: int,
        form: RolloutForm | None,
        meta: tuple[SessionMeta | None, str] = (None, ""),
        unread: tuple[bytes, RolloutRef] | None = None,
    ) -> None:
        self.size, self.mtime_ns, self.form = size, mtime_ns, form
        self._meta, self._problem = meta
        self._unread = unread

    @property
    def meta(self) -> SessionMeta | None:
        """Its session metadata without ``raw``; None when it cannot be read."""
        self._parse()
        return self._meta

    @property
    def problem(self) -> str:
        """Why its metadata, or codex itself, cannot read it; "" where both can."""
        self._parse()
        return self._problem

    @property
    def began(self) -> str:
        """When it says that it began, as written or its first 24 letters; "" if it does not say."""
        beginning = b"" if self._unread is None else self._unread[0]
        at = beginning.find(_STAMP, _PAYLOAD)
        if at > 0:
            # Within a text the quotes would be escaped: this is the key, and whole.
            return str(beginning[at + 13 : at + 37], "latin-1")
        meta = self.meta
        return "" if meta is None else meta.timestamp

    def _parse(self) -> None:
        if self._unread is None:
            return
        (beginning, rollout), self._unread = self._unread, None
        self._meta = _meta_in(beginning)
        if self._meta is None:
            whole = read_head(rollout.path)
            self._meta, self._problem = whole.meta, whole.problem


def read_head(path: str | os.PathLike[str]) -> RolloutHead:
    """Read the head of a rollout in either form; what is wrong is part of the answer."""
    try:
        with open_snapshot(path, patience=0) as snapshot:
            return head_of(snapshot)
    except (NoSuchRolloutError, NotARolloutFileError) as error:
        return RolloutHead(0, 0, None, (None, str(error)))
    except OSError as error:
        return RolloutHead(0, 0, None, (None, error.strerror or str(error)))


def head_of(snapshot: RolloutSnapshot) -> RolloutHead:
    """Do what `read_head` does, for a rollout that is open already."""
    head = _first_bytes(snapshot)
    cut = head.find(_INSTRUCTIONS)
    meta, problem = None if cut == -1 else _meta_in(head[:cut] + b"}}"), ""
    if meta is None:
        try:
            meta = replace(session_meta_of(snapshot), raw=NOTHING)
            problem = OLD_FORMAT if meta.is_old else ""
        except SessionMetaError as error:
            problem = error.reason
    return RolloutHead(snapshot.size, snapshot.mtime_ns, snapshot.form, (meta, problem))


def _first_bytes(snapshot: RolloutSnapshot) -> bytes:
    if snapshot.form is PLAIN:
        return os.pread(snapshot.fd, _HEAD, 0)
    from .decode_lenient import head_chunks  # zstandard: only where it is needed

    piece = next(head_chunks(snapshot, _HEAD), b"")
    return piece[:_HEAD] if isinstance(piece, bytes) else b""


class HeadReader:
    """Reads the heads of many rollouts; a context manager.

    Rollouts of one directory, asked for in a row, are opened relative to it.
    """

    def __init__(self) -> None:
        self._directory = ""
        self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._fd != -1:
            os.close(self._fd)

    def read(self, rollout: RolloutRef) -> RolloutHead:
        """Do what `read_head` does; plain rollouts are parsed when looked at."""
        if not rollout.plain_seen:
            return read_head(rollout.path)
        try:
            if rollout.directory != self._directory:
                self._enter(rollout.directory)
            fd = os.open(rollout.name.plain_name, _FLAGS, dir_fd=self._fd)
        except OSError:
            return read_head(rollout.path)
        try:
            head, stat = os.pread(fd, _HEAD, 0), os.fstat(fd)
        except OSError:  # a directory in the file's place
            return read_head(rollout.path)
        finally:
            os.close(fd)
        cut = head.find(_INSTRUCTIONS)
        if cut == -1:
            return read_head(rollout.path)
        beginning = head[:cut] + b"}}"
        return RolloutHead(stat.st_size, stat.st_mtime_ns, PLAIN, unread=(beginning, rollout))

    def _enter(self, directory: str) -> None:
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        if self._fd != -1:
            os.close(self._fd)
        self._fd, self._directory = fd, directory


def _meta_in(beginning: bytes) -> SessionMeta | None:
    record = None if b"\n" in beginning else parse_record(beginning)
    if record is None or record.get("type") != "session_meta":
        return None
    payload = record.get("payload")
    if not is_object(payload) or payload.get("history_mode") not in HISTORY_MODES:
        return None
    return parse_session_meta(payload, keep_raw=False)
