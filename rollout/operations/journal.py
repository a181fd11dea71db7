"""The journal of kept files: where each came from, and why, written before it moves.

Beside the resolved ``sessions`` lies ``.codexlab-retired``. A *journal* there is a file
``<token>.jsonl`` with one line for each kept file. It is durable before the first rename.
The kept files are called ``<token>.<n>``. A rollout on a filesystem of its own is kept in
its own directory as ``.<token>.<n>``: codex's fuzzy search finds no thread id in that.

**Invariant.** A kept file always has a line in a journal. The line is made durable before
the file comes, and removed after the file went. A line without a kept file says that
nothing was moved, or that all is settled. While a journal is locked, its maker or a
settling process is at work, and nobody else touches the files that it names.

An agent can write these lines, too. ``operations.journal_line`` says which are believed.
The others are reported, and the files that they name are left alone.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...kernel.files.atomic import fsync_directory, write_all
from ...kernel.files.flock import try_lock
from ...kernel.files.regular_file import NOT_REGULAR, open_regular, read_regular_if_any
from ...kernel.json_object import parse_json_object
from ...kernel.process.identity import boot_id
from ..store.ownership import list_own_directory, make_own_directory, open_shared
from ..store.rollout_ref import RolloutRef
from ..store.roots import RootName
from .handle import StoreHandle
from .journal_line import Kind, fault_in

UNFINISHED_SUFFIX = ".new"
_SUFFIX = ".jsonl"
_JOURNAL = re.compile(r"[0-9a-f]{8}\.jsonl")
_VERSION = 1
# A line has some 500 bytes: half a million kept files in one journal.
_LARGEST = 256 * 1024 * 1024


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

    kind: Kind
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


def new_token() -> str:
    """Return a token for a journal."""
    return secrets.token_hex(4)


def describe_kept(
    store: StoreHandle,
    kind: Kind,
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


class Journal:
    """A journal, open and locked. Made by :func:`create_journal` or :func:`open_journals`."""

    def __init__(self, path: str, fd: int, lines: JournalLines) -> None:
        self.path = path
        self.entries = tuple(lines.entries)
        self.doubts = tuple(lines.doubts)
        self._fd = fd

    def note_append(self, entry: JournalEntry, offset: int) -> JournalEntry:
        """Make durable that the entry's lines are about to be appended at ``offset``."""
        noted = replace(entry, append_at=offset)
        # A full disk may have torn the line before; behind a whole one it is a blank.
        write_all(self._fd, b"\n" + encode_entry(noted))
        os.fsync(self._fd)
        return noted

    def release(self) -> None:
        """Unlock, and leave everything as it is."""
        os.close(self._fd)

    def close(self, store: StoreHandle) -> None:
        """Unlock; a journal of which nothing is kept any more, and all was believed, goes away."""
        if not self.doubts and not any(entry.find(store) for entry in self.entries):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path)
        os.close(self._fd)


def create_journal(
    store: StoreHandle,
    token: str,
    entries: Sequence[JournalEntry],
    flush: Callable[[int], None] | None = None,
) -> Journal:
    """Write a new journal, durably, and hold its lock.

    :param token: as :func:`new_token` gives it.
    :param entries: as :func:`describe_kept` gives them, named after the token.
    :param flush: makes the journal, given its descriptor, and its name durable,
        perhaps together with more; by default both are synced by themselves.
    """
    make_own_directory(store.kept)
    path = os.path.join(store.kept, token)
    # Locked before it has the name that settlers look for.
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL
    fd = open_shared(path + UNFINISHED_SUFFIX, flags, 0o600)
    try:
        try_lock(fd)
        write_all(fd, b"".join(map(encode_entry, entries)))
        if flush is None:
            os.fsync(fd)
        os.rename(path + UNFINISHED_SUFFIX, path + _SUFFIX)
        if flush is None:
            fsync_directory(store.kept)
        else:
            flush(fd)
    except BaseException:
        for suffix in (UNFINISHED_SUFFIX, _SUFFIX):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path + suffix)
        os.close(fd)
        raise
    return Journal(path + _SUFFIX, fd, JournalLines(entries))


def open_journals(store: StoreHandle) -> Iterator[Journal]:
    """Open and lock, one by one, every journal that nobody works on.

    The caller closes each before it asks for the next.
    """
    for path in journal_paths(store):
        journal = _try_open(path)
        if journal is not None:
            yield journal


def journal_paths(store: StoreHandle) -> list[str]:
    """Return the paths of all journals, locked or not.

    :raises OSError: the directory is a link, or cannot be read.
    """
    names = sorted(filter(_JOURNAL.fullmatch, list_own_directory(store.kept)))
    return [os.path.join(store.kept, name) for name in names]


def read_entries(path: str) -> list[JournalEntry]:
    """Read a journal without locking it; the latest line of each kept file counts."""
    try:
        data = read_regular_if_any(path, _LARGEST) or b""
        return list(parse_lines(data, _token(path)).entries)
    except OSError as error:
        if error.errno in NOT_REGULAR:  # not of our making
            return []
        raise


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
    known["kind"] = Kind(fields["kind"])
    return JournalEntry(**known)


def _token(path: str) -> str:
    return os.path.basename(path).removesuffix(_SUFFIX)


def _try_open(path: str) -> Journal | None:
    try:
        fd = open_regular(path, os.O_RDWR | os.O_APPEND)
    except OSError as error:
        if error.errno in (errno.ENOENT, *NOT_REGULAR):
            return None
        raise
    # The lock of a name that went away meanwhile protects nothing.
    if not try_lock(fd) or not _is_readable(found := os.fstat(fd)):
        os.close(fd)
        return None
    return Journal(path, fd, parse_lines(os.pread(fd, found.st_size, 0), _token(path)))


def _is_readable(found: os.stat_result) -> bool:
    return found.st_nlink > 0 and found.st_size <= _LARGEST
