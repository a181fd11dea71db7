"""Read just enough of a rollout to list it: one open, one read of 4 KiB.

codex writes the facts of a thread first and the model's instructions, some 20 KB,
behind them in the same record. When the first 4 KiB, cut before the instructions
and closed by two braces, parse as an object within an object, then the cut was no
part of a string and at the right depth: the facts before it are whole.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

from ._directory import LogicalRollout
from ._meta import (
    HISTORY_MODES,
    NOTHING,
    SessionMeta,
    SessionMetaError,
    parse_session_meta,
    session_meta_of,
)
from ._names import RolloutForm
from ._records import is_object, parse_record
from ._snapshot import NoSuchRolloutError, NotARolloutFileError, RolloutSnapshot, open_snapshot

_HEAD = 4096
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
_FACTS = ("id", "cwd", "timestamp", "cli_version", "source", "model_provider")
_TEXT = {str}
_INSTRUCTIONS = b',"base_instructions":'


@dataclass(frozen=True, slots=True)
class RolloutHead:
    """What a listing says of one rollout.

    :param meta: its session metadata without ``raw``; None when it cannot be read.
    :param problem: why not, "" when it can.
    :param size: bytes on disk of the form that was read.
    :param mtime_ns: codex's ``updated_at``, in nanoseconds; 0 when it is gone.
    :param form: the form that was read; None when it is gone.
    """

    meta: SessionMeta | None
    problem: str
    size: int
    mtime_ns: int
    form: RolloutForm | None


def read_head(path: str | os.PathLike[str]) -> RolloutHead:
    """Read the head of a rollout in either form; what is wrong is part of the answer."""
    try:
        with open_snapshot(path) as snapshot:
            return head_of(snapshot)
    except (NoSuchRolloutError, NotARolloutFileError) as error:
        return RolloutHead(None, str(error), 0, 0, None)
    except OSError as error:
        return RolloutHead(None, error.strerror or str(error), 0, 0, None)


def head_of(snapshot: RolloutSnapshot) -> RolloutHead:
    """Do what `read_head` does, for a rollout that is open already."""
    meta, problem = None, ""
    if snapshot.form is RolloutForm.PLAIN:
        meta = _quick_meta(os.pread(snapshot.fd, _HEAD, 0), "")
    if meta is None:
        try:
            meta = replace(session_meta_of(snapshot), raw=NOTHING)
        except SessionMetaError as error:
            problem = error.reason
    return RolloutHead(meta, problem, snapshot.size, snapshot.mtime_ns, snapshot.form)


class HeadReader:
    """Reads the heads of many rollouts; a context manager.

    Rollouts of one directory, asked for in a row, are opened relative to it.
    """

    def __init__(self) -> None:
        self._directory = ""
        self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._fd != -1:
            os.close(self._fd)

    def read(self, rollout: LogicalRollout) -> RolloutHead:
        """Do what `read_head` does."""
        return (self._quick(rollout) if rollout.plain else None) or read_head(rollout.path)

    def _quick(self, rollout: LogicalRollout) -> RolloutHead | None:
        """Take the usual way; None when anything is unusual."""
        try:
            if rollout.directory != self._directory:
                self._enter(rollout.directory)
            fd = os.open(rollout.name.plain_name, _FLAGS, dir_fd=self._fd)
        except OSError:
            return None
        try:
            meta = _quick_meta(os.pread(fd, _HEAD, 0), rollout.thread_id)
            stat = os.fstat(fd)
        except OSError:
            return None
        finally:
            os.close(fd)
        if meta is None:
            return None
        return RolloutHead(meta, "", stat.st_size, stat.st_mtime_ns, RolloutForm.PLAIN)

    def _enter(self, directory: str) -> None:
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        if self._fd != -1:
            os.close(self._fd)
        self._fd, self._directory = fd, directory


def _quick_meta(head: bytes, thread: str) -> SessionMeta | None:
    cut = head.find(_INSTRUCTIONS)
    if cut == -1 or head.find(b"\n", 0, cut) != -1:
        return None
    record = parse_record(head[:cut] + b"}}")
    if record is None or record.get("type") != "session_meta":
        return None
    payload = record.get("payload")
    if not is_object(payload) or payload.get("history_mode") not in HISTORY_MODES:
        return None
    facts: list[Any] = [payload.get(fact) for fact in _FACTS]
    if facts[0] == thread and {*map(type, facts)} == _TEXT:
        return SessionMeta(*facts, raw=NOTHING)
    return parse_session_meta(payload, keep_raw=False)
