"""Who runs here, or ran here last: ``owner.json`` as two pure functions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import cast


@dataclass(frozen=True, slots=True)
class OwnerRecord:
    """What one run leaves behind for whoever claims the workspace next.

    :param run_id: the run's id, also the value of ``CODEXLAB_RUN_ID`` in its processes.
    :param pid: pid of the guardian.
    :param start_time: its start in clock ticks since boot (proc(5), field 22).
    :param boot_id: the boot during which both numbers mean something.
    :param host: host name, because a workspace may lie on a shared filesystem.
    :param uid: user id of the run.
    :param cgroup: the containment's directory, or None where there was none.
    :param mechanism: name of the containment used.
    :param contained: True only after emptiness was read from the kernel.
    :param started: ISO 8601 time with zone.
    """

    run_id: str
    pid: int
    start_time: int
    boot_id: str
    host: str
    uid: int
    cgroup: str | None
    mechanism: str
    contained: bool
    started: str


_OTHER: dict[str, type | tuple[type, ...]] = {
    "pid": int,
    "start_time": int,
    "uid": int,
    "contained": bool,
    "cgroup": (str, type(None)),
}
_KINDS = {field.name: _OTHER.get(field.name, str) for field in fields(OwnerRecord)}


class DamagedRecord(ValueError):
    """The bytes are no record: torn by a crash, or written by something else."""


def encode_owner(record: OwnerRecord) -> bytes:
    """Encode a record as one line of JSON."""
    return json.dumps({"v": 1, **asdict(record)}).encode() + b"\n"


def parse_owner(data: bytes) -> OwnerRecord:
    """Parse what `encode_owner` wrote, now or in a later version.

    Unknown keys are ignored.

    :raises DamagedRecord: a key is missing or has another type.
    """
    values = parse_object(data)
    for name, kind in _KINDS.items():
        if not isinstance(values.get(name), kind):
            raise DamagedRecord(name)
    known = {name: values[name] for name in _KINDS}
    return OwnerRecord(**known)  # type: ignore[arg-type]  # every type was checked above


def parse_object(data: bytes) -> Mapping[str, object]:
    """Parse one JSON object.

    :raises DamagedRecord: the bytes are anything else.
    """
    try:
        value: object = json.loads(data)
    except ValueError as error:
        raise DamagedRecord(str(error)) from None
    if not isinstance(value, dict):
        raise DamagedRecord("not an object")
    return cast("dict[str, object]", value)
