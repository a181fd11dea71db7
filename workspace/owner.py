"""The run that works here, or worked here last: ``owner.json`` as two pure functions."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import cast

from ..kernel.values import frozen


@frozen
class OwnerRecord:
    """The note that a run leaves for the next run that claims the workspace.

    :param run_id: the run's id, also the value of ``CODEXLAB_RUN_ID`` in its processes.
    :param pid: pid of the guardian.
    :param start_time: its start in clock ticks since boot (proc(5), field 22).
    :param boot_id: the boot during which both numbers mean something.
    :param host: host name, because a workspace may lie on a shared filesystem.
    :param uid: user id of the run.
    :param cgroup: the containment's directory, or None where there was none.
    :param mechanism: a `Mechanism` of the kernel package, or what another version called one.
    :param contained: True only after emptiness was read from the kernel.
    :param started: ISO 8601 time with zone.
    :param namespace: the pid namespace the pid is of; None in records of before it was noted.
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
    namespace: str | None = None


_NUMBERS = ("pid", "start_time", "uid")
_TEXTS = ("boot_id", "host", "mechanism", "started")
_OPTIONAL = ("cgroup", "namespace")
OWNER_NAMES: tuple[str, ...] = OwnerRecord.__match_args__
"""The fields of a record, in their order."""
_LARGEST = 2**63
# It names a directory below runs/, a cgroup and a tag: never a path, never empty.
_RUN_ID = r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}"


class DamagedRecord(ValueError):
    """The bytes are no record: torn by a crash, or written by something else."""


# Every usual record is as long, so that one can be written over another.
_WIDTH = 1024


def encode_owner(record: OwnerRecord) -> bytes:
    """Encode a record as one line of JSON, filled up with blanks to a whole KiB."""
    line = json.dumps({"v": 1, **{name: getattr(record, name) for name in OWNER_NAMES}}).encode()
    return line.ljust(-(-(len(line) + 1) // _WIDTH) * _WIDTH - 1) + b"\n"


def parse_owner(data: bytes) -> OwnerRecord:
    """Parse what `encode_owner` wrote, now or in a later version.

    Unknown keys are ignored.

    :raises DamagedRecord: a key is missing or has another type.
    """
    return owner_from(parse_object(data))


def owner_from(values: Mapping[str, object]) -> OwnerRecord:
    """Return the record that a parsed object is.

    :raises DamagedRecord: a key is missing or has another type.
    """
    texts = all(is_text(values.get(name)) for name in _TEXTS)
    numbers = all(_is_number(values.get(name)) for name in _NUMBERS)
    run_id, optional = values.get("run_id"), [values.get(name) for name in _OPTIONAL]
    if not isinstance(run_id, str) or re.fullmatch(_RUN_ID, run_id) is None:
        raise DamagedRecord("run_id")
    if not (texts and numbers and all(text is None or is_text(text) for text in optional)):
        raise DamagedRecord("a text or number")
    if not isinstance(values.get("contained"), bool):
        raise DamagedRecord("contained")
    return OwnerRecord(*[values.get(name) for name in OWNER_NAMES])  # type: ignore[arg-type]  # checked


def is_text(value: object) -> bool:
    """Tell whether a value is a text that can be part of a path: no NUL, and encodable."""
    if not isinstance(value, str) or "\0" in value:
        return False
    if value.isascii():
        return True
    try:
        value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST


def parse_object(data: bytes) -> Mapping[str, object]:
    """Parse one JSON object.

    :raises DamagedRecord: the bytes are anything else.
    """
    try:
        value: object = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DamagedRecord(str(error)) from None
    if not isinstance(value, dict):
        raise DamagedRecord("not an object")
    return cast("dict[str, object]", value)
