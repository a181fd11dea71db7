"""Check rollouts to the last byte: frames, lines, ordinals, and what both forms say.

Nothing is changed here: see `maintenance.repair`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

from ..codec.decode import has_checksum
from ..codec.frames import frame_damage
from ..codec.measure import is_hollow
from ..locks.store import LOCK_FILES
from ..operations.file_ops import FileOps
from ..operations.handle import StoreHandle
from ..operations.journal import journal_paths, read_entries
from ..operations.result import Outcome, Result
from ..reading.lines import MAX_LINE_BYTES, LineFault, iter_lines
from ..reading.records import parse_record
from ..reading.snapshot import NoSuchRolloutError, NotARolloutFileError, open_regular, open_snapshot
from ..reconcile.decide import Relation, describe_relation
from ..reconcile.inspect import inspect
from ..reconcile.recover import is_temporary
from ..reconcile.retired import SettleOptions, settle
from ..store.rollout_ref import RolloutRef
from ..store.scan import StoreScan, scan_store
from .duplicates import LEFTOVER, describe_duplicate, duplicates
from .findings import Finding, Problem
from .repair import DAMAGED

_BEYOND = f"it is larger than {MAX_LINE_BYTES >> 20} MiB, and its content was not checked"


def verify_rollout(rollout: RolloutRef) -> Iterator[Finding]:
    """Check one rollout in whichever forms it has.

    Memory does not grow with the file; one bad line does not hide the next.
    """
    if os.path.lexists(rollout.compressed_path):
        yield from _readable(rollout.compressed_path, _verify_frame(rollout.compressed_path))
        if not os.path.isfile(rollout.path):
            yield from _odd_plain(rollout.path)
        elif os.path.isfile(rollout.compressed_path):
            yield from _readable(rollout.path, _verify_pair(rollout))
    yield from _readable(rollout.path, _verify_lines(rollout))


def verify_store(store: StoreHandle) -> Iterator[Finding]:
    """Check every rollout of a store, its directories, and what is kept beside it."""
    scan = scan_store(store.home)
    yield from verify_directories(scan)
    rollouts = list(store.rollouts(found.path for found in scan.rollouts))
    for rollout in rollouts:
        yield from verify_rollout(rollout)
    yield from verify_duplicates(rollouts)
    yield from verify_temporaries({rollout.directory for rollout in rollouts})
    yield from verify_kept(store)


def _odd_plain(path: str) -> Iterator[Finding]:
    """Readers pass over what is no file and has a plain form's name; codex need not."""
    if os.path.lexists(path):
        yield Finding(path, Problem.UNREADABLE, str(NotARolloutFileError(path)))


def _readable(path: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    """Report a file that cannot be opened as one more finding; it hides no other."""
    try:
        yield from findings
    except (OSError, NoSuchRolloutError, NotARolloutFileError) as error:
        yield Finding(path, Problem.UNREADABLE, str(error))


def verify_directories(scan: StoreScan) -> Iterator[Finding]:
    """Name the directories of a store that could not be read: nothing below them was checked."""
    for directory in scan.unreadable:
        detail = f"{directory.reason}; nothing in it was checked"
        yield Finding(directory.path, Problem.UNREADABLE, detail)


def verify_kept(store: StoreHandle) -> Iterator[Finding]:
    """Check what is kept beside the store: entries, their files, and other files."""
    yield from _readable(store.kept, _verify_kept(store))


def _verify_kept(store: StoreHandle) -> Iterator[Finding]:
    yield from map(_kept_finding, settle(store, SettleOptions(dry_run=True)))
    yield from _unknown_files(store.kept, set(_listed(store)))


def _kept_finding(result: Result) -> Finding:
    due = result.outcome in {Outcome.WAITING, Outcome.WOULD}
    problem = Problem.DUE if due else Problem.KEPT
    return Finding(result.path, problem, result.reason)


def _listed(store: StoreHandle) -> Iterator[str]:
    """Yield the journals and the kept files that they name."""
    for path in journal_paths(store):
        yield path
        for entry in read_entries(path):
            yield from entry.candidates(store)


def _verify_frame(path: str) -> Iterator[Finding]:
    try:
        fd = open_regular(path)
    except FileNotFoundError:
        return
    try:
        size = os.fstat(fd).st_size
        if is_hollow(fd, size):
            return  # the lines' own business
        damage = frame_damage(fd, size)
        if damage is not None:
            yield Finding(path, Problem.DAMAGED_FRAME, damage)
        elif not has_checksum(fd):
            yield Finding(path, Problem.NO_CHECKSUM, "codex's own frames have none")
    finally:
        os.close(fd)


def _verify_pair(rollout: RolloutRef) -> Iterator[Finding]:
    seen = inspect(rollout.path, rollout.compressed_path, 0, FileOps())
    if seen is None:
        return
    if seen.relation is Relation.UNREADABLE:
        yield Finding(rollout.compressed_path, Problem.DAMAGED_FRAME, "the plain form is whole")
    else:
        detail = f"the plain form {describe_relation(seen.relation)} the compressed one"
        yield Finding(rollout.path, Problem.TWO_FORMS, detail)


def _verify_lines(rollout: RolloutRef) -> Iterator[Finding]:
    ordinals = _Ordinals()
    with open_snapshot(rollout.path) as snapshot:
        path = snapshot.physical
        for line in iter_lines(snapshot):
            yield from _line_faults(path, line.number, line.fault, line.detail)
            if line.fault & (LineFault.TOO_LONG | LineFault.DAMAGED) or not line.data.strip():
                continue
            record = parse_record(line.data)
            if record is not None:
                yield from ordinals.check(path, line.number, record)
            elif not line.fault & (LineFault.UNTERMINATED | LineFault.INVALID_UTF8):
                yield Finding(path, Problem.BAD_LINE, "it is not a JSON object", line.number)


def _line_faults(path: str, number: int, fault: LineFault, detail: str) -> Iterator[Finding]:
    for flag, problem in (
        (LineFault.BYTE_ORDER_MARK, Problem.BYTE_ORDER_MARK),
        (LineFault.INVALID_UTF8, Problem.INVALID_UTF8),
        (LineFault.DAMAGED, Problem.DAMAGED_FRAME),
        (LineFault.TOO_LONG, Problem.TOO_LONG),
        (LineFault.UNTERMINATED, Problem.TORN_TAIL),
    ):
        if fault & flag:
            if flag is LineFault.DAMAGED and fault & LineFault.REFUSED:
                problem = Problem.REFUSED
            said = _BEYOND if problem is Problem.TOO_LONG else detail
            yield Finding(path, problem, said, number)


class _Ordinals:
    """Ordinals rise; gaps are codex's own, a repeated or falling one is not."""

    def __init__(self) -> None:
        self._last: int | None = None

    def check(self, path: str, number: int, record: dict[str, Any]) -> Iterator[Finding]:
        ordinal = record.get("ordinal")
        if not isinstance(ordinal, int):
            return
        if self._last is not None and ordinal <= self._last:
            detail = f"{ordinal} after {self._last}"
            yield Finding(path, Problem.ORDINALS, detail, number)
        self._last = ordinal


def verify_duplicates(rollouts: Iterable[RolloutRef]) -> Iterator[Finding]:
    """Find rollouts that lie in both roots: what an interrupted or partial move left."""
    ops = FileOps()
    for first, rollout in duplicates(rollouts):
        yield Finding(rollout.path, Problem.TWO_PLACES, describe_duplicate(rollout, first, ops))


def verify_temporaries(directories: Iterable[str]) -> Iterator[Finding]:
    """Find our temporary files; one whose maker is at work is no harm."""
    for directory in sorted(set(directories)):
        yield from _readable(directory, _temporaries(directory))


def _temporaries(directory: str) -> Iterator[Finding]:
    for name in sorted(filter(is_temporary, os.listdir(directory))):
        yield Finding(os.path.join(directory, name), Problem.TEMPORARY)


def _unknown_files(directory: str, listed: set[str]) -> Iterator[Finding]:
    try:
        names = sorted(os.listdir(directory))
    except FileNotFoundError:
        return
    for name in names:
        path = os.path.join(directory, name)
        if path not in listed and name not in LOCK_FILES:
            yield Finding(path, _problem_of(name))


def _problem_of(name: str) -> Problem:
    if name.startswith((DAMAGED, LEFTOVER)):
        return Problem.SET_ASIDE
    return Problem.TEMPORARY if is_temporary(name) else Problem.UNLISTED
