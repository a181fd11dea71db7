"""Read just enough of a rollout to list it: one open, one read of 4 KiB.

codex writes the facts of a thread first and the model's instructions, some 20 KB,
behind them in the same record. When the first 4 KiB, cut before the instructions
and closed by two braces, parse as an object within an object, then the cut was no
part of a string and at the right depth: the facts before it are whole.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from ._meta import SessionMeta, SessionMetaError, parse_session_meta, session_meta_of
from ._names import RolloutForm
from ._records import is_object, parse_record
from ._snapshot import NoSuchRolloutError, NotARolloutFileError, RolloutSnapshot, open_snapshot

_HEAD = 4096
_INSTRUCTIONS = b',"base_instructions":'


@dataclass(frozen=True, slots=True)
class RolloutHead:
    """What a listing says of one rollout.

    :param meta: its session metadata; ``raw`` may lack what follows the
        instructions. None when it cannot be read.
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
    meta, problem = _quick(snapshot), ""
    if meta is None:
        try:
            meta = session_meta_of(snapshot)
        except SessionMetaError as error:
            problem = error.reason
    return RolloutHead(meta, problem, snapshot.size, snapshot.mtime_ns, snapshot.form)


def _quick(snapshot: RolloutSnapshot) -> SessionMeta | None:
    if snapshot.form is not RolloutForm.PLAIN:
        return None
    head = os.pread(snapshot.fd, _HEAD, 0)
    cut = head.find(_INSTRUCTIONS)
    if cut == -1 or b"\n" in head[:cut]:
        return None
    record: dict[str, Any] | None = parse_record(head[:cut] + b"}}")
    if record is None or record.get("type") != "session_meta":
        return None
    payload = record.get("payload")
    if not is_object(payload) or payload.get("history_mode") not in (None, "legacy", "paginated"):
        return None
    return parse_session_meta(payload)
