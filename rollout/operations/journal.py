"""What is kept for a grace, where it came from, and why: written before it moves.

Beside the resolved ``sessions`` lies ``.codexlab-retired``. A *group* there is one
file ``<token>.jsonl``, a line per kept file, durable before the first rename; the
kept files are called ``<token>.<n>``. On a filesystem of its own a rollout is kept
in its own directory as ``.<token>.<n>``, too short for codex's fuzzy search to find
a thread id in it.

**Invariant.** A kept file has a line in a group's file, always: the line is made
durable before the file comes and removed after it went. A line without a kept file
says that nothing was moved, or that all is settled. While the group's file is
locked, its maker or a settler is at work; nobody else touches what it names.

An agent can write these lines, too. What one says is believed only as far as
``operations.journal_line`` allows; the rest is told, and what it names is left alone.
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
from enum import StrEnum
from typing import Any

from ...kernel.files.atomic import fsync_directory, write_all
from ...kernel.files.flock import try_lock
from ...kernel.files.regular_file import NOT_REGULAR, open_regular, read_regular_if_any
from ...kernel.json_object import parse_json_object
from ...kernel.process.identity import boot_id
from ..store.ownership import list_own_directory, make_own_directory, open_shared
from .handle import StoreHandle, Subject
from .journal_line import fault_in

UNFINISHED_SUFFIX = ".new"
_SUFFIX = ".jsonl"
_GROUP = re.compile(r"[0-9a-f]{8}\.jsonl")
_VERSION = 1
# A line has some 500 bytes: half a million kept files in one group.
_LARGEST = 256 * 1024 * 1024


class Kind(StrEnum):
    """Why a file is kept."""

    RETIRED = "retired"
    SHADOW = "shadow"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a group.

    :param name: ``<token>.<n>``, the kept file.
    :param root: the root the rollout lay in, ``sessions`` or ``archived_sessions``.
    :param relative: its plain path below that root.
    :param size: bytes it had when it was taken away; what comes later is growth.
    :param device: device of the file, and with ``inode`` its identity.
    :param leased: a kernel lease said that nobody wrote; without one the grace is longer.
    :param boot: boot id, and ``at`` the seconds since that boot, of this line.
    :param append_at: where in the plain file its lines began to be appended, if that
        was begun: after a crash only what is missing from there on is appended.
    """

    kind: Kind
    name: str
    root: str
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
        """Where the kept file may lie: with the groups, or in its own directory."""
        below, slash, _ = self.relative.rpartition("/")
        in_place = f"{store.root(self.root)}/{below}{slash}.{self.name}"
        return f"{store.kept}/{self.name}", in_place

    def find(self, store: StoreHandle) -> str | None:
        """Return where the kept file lies, or None when it is gone."""
        return next(filter(os.path.lexists, self.candidates(store)), None)


def new_token() -> str:
    """Return a token for a group."""
    return secrets.token_hex(4)


def make_entry(
    kind: Kind, name: str, subject: Subject, stat: os.stat_result, *, leased: bool
) -> Entry:
    """Describe a file that is about to be taken away.

    :param name: what it will be called: ``<token>.<n>`` of its group.
    """
    return Entry(
        kind=kind,
        name=name,
        root=subject.root,
        relative=subject.relative,
        thread=subject.thread,
        size=stat.st_size,
        device=stat.st_dev,
        inode=stat.st_ino,
        leased=leased,
        boot=boot_id(),
        at=time.clock_gettime(time.CLOCK_BOOTTIME),
    )


@dataclass(frozen=True, slots=True)
class Lines:
    """What the lines of a group say.

    :param entries: the latest line of each kept file.
    :param doubts: a sentence for each line that was not made by us, or damaged since.
    """

    entries: Sequence[Entry]
    doubts: Sequence[str] = ()


class Group:
    """One group's file, open and locked. Made by :func:`begin` or :func:`open_groups`."""

    def __init__(self, path: str, fd: int, lines: Lines) -> None:
        self.path = path
        self.entries = tuple(lines.entries)
        self.doubts = tuple(lines.doubts)
        self._fd = fd

    def note_append(self, entry: Entry, offset: int) -> Entry:
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
        """Unlock; a group of which nothing is kept any more, and all was believed, goes away."""
        if not self.doubts and not any(entry.find(store) for entry in self.entries):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path)
        os.close(self._fd)


def begin(
    store: StoreHandle,
    token: str,
    entries: Sequence[Entry],
    flush: Callable[[int], None] | None = None,
) -> Group:
    """Write a new group, durably, and hold its lock.

    :param token: as :func:`new_token` gives it.
    :param entries: as :func:`make_entry` gives them, named after the token.
    :param flush: makes the group's file, given its descriptor, and its name durable,
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
    return Group(path + _SUFFIX, fd, Lines(entries))


def open_groups(store: StoreHandle) -> Iterator[Group]:
    """Open and lock, one by one, every group that nobody works on.

    The caller closes each before it asks for the next.
    """
    for path in group_paths(store):
        group = _try_open(path)
        if group is not None:
            yield group


def group_paths(store: StoreHandle) -> list[str]:
    """Return the paths of all groups, locked or not.

    :raises OSError: the directory is a link, or cannot be read.
    """
    names = sorted(filter(_GROUP.fullmatch, list_own_directory(store.kept)))
    return [os.path.join(store.kept, name) for name in names]


def read_entries(path: str) -> list[Entry]:
    """Read a group without locking it; the latest line of each kept file counts."""
    try:
        data = read_regular_if_any(path, _LARGEST) or b""
        return list(parse_lines(data, _token(path)).entries)
    except OSError as error:
        if error.errno in NOT_REGULAR:  # not of our making
            return []
        raise


def encode_entry(entry: Entry) -> bytes:
    """Return the line of an entry."""
    fields = {name: getattr(entry, name) for name in Entry.__slots__}
    return json.dumps({"v": _VERSION, **fields}).encode() + b"\n"


def parse_lines(data: bytes, token: str) -> Lines:
    """Read lines; unknown fields are ignored, a torn line was never acted on.

    :param token: the group's, with which the names of its kept files begin.
    """
    latest: dict[str, Entry] = {}
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
    return Lines(list(latest.values()), doubts)


def _as_entry(fields: dict[str, Any]) -> Entry:
    known: dict[str, Any] = {name: fields[name] for name in Entry.__slots__}
    known["kind"] = Kind(fields["kind"])
    return Entry(**known)


def _token(path: str) -> str:
    return os.path.basename(path).removesuffix(_SUFFIX)


def _try_open(path: str) -> Group | None:
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
    return Group(path, fd, parse_lines(os.pread(fd, found.st_size, 0), _token(path)))


def _is_readable(found: os.stat_result) -> bool:
    return found.st_nlink > 0 and found.st_size <= _LARGEST
