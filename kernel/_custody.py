"""What the guardian needs to finish a run whose supervisor died, and how it does so."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, cast

from ._containment import Scope, discard_leaf, end
from ._durable import replace_file
from ._flock import unlock
from ._frozen import frozen
from ._identity import ProcessIdentity

LOST_GRACE = 3.0
LOST_PATIENCE = 10.0
_LOST = {"reason": "supervisor-lost", "exit_status": 125, "agent_outcome": "failed"}


@frozen
class Custody:
    """A run in the guardian's care.

    :param run_id: the run's tag.
    :param leaf: its cgroup, or None.
    :param record: path of ``record.json``, which already holds the plan.
    :param owner: path of ``owner.json``.
    :param events: path of ``events.ndjson``.
    :param temporary: the run's temp directory, removed once it is empty of processes.
    :param locks: descriptors of the claim. Unlocked only after emptiness was read:
        a lock that is merely closed when we exit tells the next claimer nothing,
        so it reads the record and finds no proof.
    """

    run_id: str
    leaf: str | None
    record: str
    owner: str
    events: str
    temporary: str
    locks: tuple[int, ...] = ()

    def message(self) -> dict[str, Any]:
        """Return it without the descriptors, which travel beside the message."""
        return {field.name: getattr(self, field.name) for field in fields(self)[:-1]}


def finish_lost_run(custody: Custody, scope: Scope) -> tuple[ProcessIdentity, ...]:
    """End the run of a dead supervisor, write down what happened, release the claim.

    Each step is tried even if the one before failed: a full disk must not leave
    a process, nor an unwritable record a claim.

    :returns: the processes left, read from the kernel.
    """
    swept, left = end(scope, grace=LOST_GRACE, patience=LOST_PATIENCE)
    removed = not left and discard_leaf(scope)
    contained = {
        "mechanism": scope.mechanism,
        "proven": not left and scope.can_prove,
        "swept": swept,
        "left": len(left),
        "leaf_removed": removed,
    }
    with contextlib.suppress(OSError, ValueError):
        _write_record(custody, contained)
    with contextlib.suppress(OSError, ValueError):
        _append_events(custody, contained)
    if not left:
        _release(custody)
    return left


def _write_record(custody: Custody, contained: dict[str, Any]) -> None:
    """Finish the record; what it says already stays, for it was known by who saw the agent end."""
    content = _read_json(custody.record)
    missing: dict[str, Any] = {}
    if content.get("reason") is None:
        missing = {**_LOST, "finished": _now()}
    if not _shows_an_end(content.get("contained")):
        missing["contained"] = contained
    if missing:
        _write_json(custody.record, {**content, **missing})


def _shows_an_end(contained: object) -> bool:
    """Tell whether nothing was left of the agent: what is found later is not of its end."""
    return isinstance(contained, dict) and cast("dict[str, Any]", contained).get("left") == 0


def _ending(custody: Custody) -> dict[str, Any]:
    """Return how the run ended, as its record says."""
    content: dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError):
        content = _read_json(custody.record)
    if content.get("reason") is None:
        content = _LOST
    names = ("reason", "exit_status", "agent_outcome", "thread")
    return {name: content[name] for name in names if name in content}


def _append_events(custody: Custody, contained: dict[str, Any]) -> None:
    import json

    with open(custody.events, "rb+") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 65536))
        tail = file.read()
        last = _last_event(tail.splitlines())
        if last.get("event") == "run.finished":
            return
        rest: tuple[dict[str, Any], ...] = (
            {"event": "contained", **contained},
            {"event": "run.finished", **_ending(custody)},
        )
        for number, body in enumerate(rest, start=1):
            event: dict[str, Any] = {
                **{key: last[key] for key in ("v", "run_id", "issue", "attempt") if key in last},
                "seq": last.get("seq", 0) + number,
                "ts": _now(),
                "mono": round(time.monotonic(), 6),
                **body,
            }
            file.seek(0, os.SEEK_END)
            if number == 1 and tail and not tail.endswith(b"\n"):
                # The supervisor died in the middle of a line.
                file.write(b"\n")
            file.write(json.dumps(event, separators=(",", ":")).encode() + b"\n")


def _last_event(lines: Sequence[bytes]) -> dict[str, Any]:
    import json

    for line in reversed(lines):
        with contextlib.suppress(ValueError):
            return dict(json.loads(line))
    return {}


def _release(custody: Custody) -> None:
    import shutil

    shutil.rmtree(custody.temporary, ignore_errors=True)
    with contextlib.suppress(OSError, ValueError):
        owner = _read_json(custody.owner)
        # Another run's is not ours to vouch for, however it got there.
        if owner.get("run_id", custody.run_id) == custody.run_id:
            _write_json(custody.owner, {**owner, "contained": True})
    for fd in custody.locks:
        unlock(fd)


def _read_json(path: str) -> dict[str, Any]:
    import json

    with open(path, "rb") as file:
        return dict(json.load(file))


def _write_json(path: str, content: dict[str, Any]) -> None:
    import json

    replace_file(path, json.dumps(content, indent=2).encode() + b"\n")


def _now() -> str:
    seconds, fraction = divmod(time.time(), 1)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{fraction * 1000:03.0f}Z"
