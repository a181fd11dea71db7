"""One line of a journal of kept files: what it says, written and read."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...kernel.json_object import parse_json_object
from ...kernel.process.identity import boot_id
from ..store.rollout_ref import RolloutRef
from ..store.roots import RootName
from .handle import StoreHandle
from .journal_line import KeptKind, fault_in

_VERSION = 1


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One line of a journal.

    :param name: ``<token>.<n>``, the kept file.
    :param root: the root the rollout lay in, ``sessions`` or ``archived_sessions``.
    :param relative: its plain path below that root.
    :param size: bytes it had when it was taken away; what comes later is growth.
    :param device: device of the file, and with ``inode`` its identity.
    :param leased: a kernel lease said that nobody wrote; without one the grace is longer.
    :param boot: boot id, and ``at`` the seconds since that boot, of this line.
    :param append_at: the offset in the plain file at which the append of its lines began,
        if it was begun. After a crash only the bytes missing behind it are appended.
    """

    kind: KeptKind
    name: str
    root: RootName
    relative: str
    thread: str
    size: int
    device: int
    inode: int
    leased: bool
    boot: str
    at: float
    append_at: int | None = None

    def age(self) -> float:
        """Return seconds since the line was written; infinite after a reboot.

        Counted on the clock that nobody sets. No descriptor outlives a reboot.
        """
        same_boot = self.boot == boot_id()
        return time.clock_gettime(time.CLOCK_BOOTTIME) - self.at if same_boot else float("inf")

    def candidates(self, store: StoreHandle) -> tuple[str, str]:
        """Return the two places of the kept file: with the journals, or in its own directory."""
        below, slash, _ = self.relative.rpartition("/")
        in_place = f"{store.root(self.root)}/{below}{slash}.{self.name}"
        return f"{store.kept}/{self.name}", in_place

    def find(self, store: StoreHandle) -> str | None:
        """Return where the kept file lies, or None when it is gone."""
        return next(filter(os.path.lexists, self.candidates(store)), None)


def describe_kept(
    store: StoreHandle,
    kind: KeptKind,
    name: str,
    rollout: RolloutRef,
    stat: os.stat_result,
    *,
    leased: bool,
) -> JournalEntry:
    """Describe a file that is about to be taken away.

    :param name: what it will be called: ``<token>.<n>`` of its journal.
    """
    return JournalEntry(
        kind=kind,
        name=name,
        root=rollout.root,
        relative=store.relative(rollout),
        thread=rollout.thread_id,
        size=stat.st_size,
        device=stat.st_dev,
        inode=stat.st_ino,
        leased=leased,
        boot=boot_id(),
        at=time.clock_gettime(time.CLOCK_BOOTTIME),
    )


@dataclass(frozen=True, slots=True)
class JournalLines:
    """The believed content of a journal, and doubts about the rest.

    :param entries: the latest line of each kept file.
    :param doubts: a sentence for each line that was not made by us, or damaged since.
    """

    entries: Sequence[JournalEntry]
    doubts: Sequence[str] = ()


def encode_entry(entry: JournalEntry) -> bytes:
    """Return the line of an entry."""
    fields = {name: getattr(entry, name) for name in JournalEntry.__slots__}
    return json.dumps({"v": _VERSION, **fields}).encode() + b"\n"


def parse_lines(data: bytes, token: str) -> JournalLines:
    """Read lines; unknown fields are ignored, a torn line was never acted on.

    :param token: the journal's, with which the names of its kept files begin.
    """
    latest: dict[str, JournalEntry] = {}
    doubts: list[str] = []
    for number, line in enumerate(data.split(b"\n"), 1):
        try:
            fields = parse_json_object(line)
        except ValueError:
            continue
        fault = fault_in(fields, token)
        if fault is None:
            entry = _as_entry(fields)
            latest[entry.name] = entry
        else:
            doubts.append(f"line {number}: {fault}")
            # What it says of a kept file may be newer than what we believe.
            latest.pop(str(fields.get("name")), None)
    return JournalLines(list(latest.values()), doubts)


def _as_entry(fields: dict[str, Any]) -> JournalEntry:
    known: dict[str, Any] = {name: fields[name] for name in JournalEntry.__slots__}
    known["kind"] = KeptKind(fields["kind"])
    known["root"] = RootName(fields["root"])
    return JournalEntry(**known)
