"""Files of the shared home that each issue's codex reads and writes through a link.

``thread_history_N.sqlite`` (codex 0.150 and later) is what codex shows of a thread's turns. It
is keyed by thread and holds no paths; SQLite finds the log of a linked database beside the real
one. ``session_index.jsonl`` holds the names that people gave to threads. codex appends to it
through the link. When a thread is deleted, codex puts a new file in the link's place.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import stat
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import cast

from ...kernel.errands.end_wanted import pause
from ...kernel.values import frozen
from ..codex_config.report import HealNotes
from ..errors import PathRefused
from ..fs import lstat_at, read_small, set_aside
from ..users_codex_home import SessionMode
from .links import ensure_link, target_in

_HISTORY = r"thread_history_\d{1,9}\.sqlite"
# What codex 0.150 to 0.171 make; linked before they do, as they would make their own.
_FIRST_HISTORY = "thread_history_1.sqlite"
_LOGS = ("-wal", "-shm", "-journal")
_NAMES, _NAMES_LOCK = "session_index.jsonl", "session_index.jsonl.lock"
_LONGEST_LINE = 4096
_MOST_BYTES = 64 * 1024 * 1024
_PATIENCE, _PAUSE = 1.0, 0.02


@frozen
class _Name:
    """The thread that a line names, and its time (RFC 3339 in UTC)."""

    thread: str
    moment: str


def heal_shared_files(home_fd: int, shared: Path, mode: SessionMode, notes: HealNotes) -> None:
    """Link what belongs to the threads of both homes, or give an issue its own.

    A file found in a link's place is kept aside; names in it are taken over first.
    """
    histories = {_FIRST_HISTORY, *_histories(os.listdir(home_fd)), *_histories(os.listdir(shared))}
    names = (*sorted(histories), _NAMES_LOCK, _NAMES)
    if mode is SessionMode.ISSUE:
        for name in names:
            _drop_link(name, home_fd, notes)
        return
    for name in names:
        _share(name, home_fd, target_in(shared, name), notes)


def _histories(names: list[str]) -> Iterator[str]:
    return (name for name in names if re.fullmatch(_HISTORY, name))


def _drop_link(name: str, home_fd: int, notes: HealNotes) -> None:
    found = lstat_at(name, home_fd)
    if found is not None and stat.S_ISLNK(found.st_mode):
        os.unlink(name, dir_fd=home_fd)
        notes.fixed.append(name)


def _share(name: str, home_fd: int, target: Path, notes: HealNotes) -> None:
    found = lstat_at(name, home_fd)
    if found is not None and not stat.S_ISLNK(found.st_mode):
        if name == _NAMES_LOCK and stat.S_ISREG(found.st_mode):
            os.unlink(name, dir_fd=home_fd)  # empty: it is there to be locked
        elif name == _NAMES and _take_names_over(home_fd, target, notes):
            os.unlink(name, dir_fd=home_fd)
        elif re.fullmatch(_HISTORY, name):
            _keep_history_aside(name, home_fd, notes)
    ensure_link(name, home_fd, target, notes)


def _keep_history_aside(name: str, home_fd: int, notes: HealNotes) -> None:
    """Keep a database with its log: one without the other would be short of the last turns."""
    aside = set_aside(name, home_fd)
    notes.fixed.append(f"{name} (the file here is kept as {aside})")
    for suffix in _LOGS:
        if lstat_at(name + suffix, home_fd) is not None:
            os.rename(name + suffix, aside + suffix, src_dir_fd=home_fd, dst_dir_fd=home_fd)


def _take_names_over(home_fd: int, target: Path, notes: HealNotes) -> bool:
    """Append the names that only the issue's file has to the shared one.

    :returns: whether everything in the issue's file is in the shared one now.
    """
    try:
        ours = read_small(_NAMES, home_fd, Path(_NAMES)) or b""
        with _locked(target.with_name(_NAMES_LOCK)):
            return _append_missing(ours, target)
    except (OSError, PathRefused, TimeoutError) as error:
        notes.warnings.append(
            f"{_NAMES}: names given here are not copied to the shared file ({error})"
        )
        return False


def _append_missing(ours: bytes, target: Path) -> bool:
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(target, flags, 0o600)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return False
        with open(fd, "rb", closefd=False) as file:
            theirs = file.read(_MOST_BYTES)
        lines = [line for line in ours.splitlines() if line.strip()]
        named = [(line, name) for line in lines if (name := _name_in(line)) is not None]
        missing = list(_newer(named, theirs))
        if missing:
            begin = b"\n" if theirs and not theirs.endswith(b"\n") else b""
            os.write(fd, begin + b"".join(line + b"\n" for line in missing))
        return len(named) == len(lines)
    finally:
        os.close(fd)


def _newer(named: list[tuple[bytes, _Name]], theirs: bytes) -> Iterator[bytes]:
    """Yield the lines that name a thread later than the shared file does: its last line counts."""
    known: dict[str, str] = {}
    for line in theirs.splitlines():
        if (name := _name_in(line)) is not None:
            known[name.thread] = max(name.moment, known.get(name.thread, ""))
    for line, name in named:
        if name.moment > known.get(name.thread, ""):
            known[name.thread] = name.moment
            yield line


def _name_in(line: bytes) -> _Name | None:
    """Read a line that gives a thread a name; whatever else an agent wrote stays here."""
    if len(line) > _LONGEST_LINE:
        return None
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    values = cast("dict[str, object]", entry) if isinstance(entry, dict) else {}
    thread, moment = values.get("id"), values.get("updated_at")
    if not (isinstance(thread, str) and isinstance(moment, str)):
        return None
    return _Name(thread, moment) if isinstance(values.get("thread_name"), str) else None


@contextlib.contextmanager
def _locked(path: Path) -> Generator[None]:
    """Hold codex's own lock of the names (0.171); earlier ones take none.

    :raises TimeoutError: somebody holds it for a second.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(path, flags, 0o600)
    deadline = time.monotonic() + _PATIENCE
    try:
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TimeoutError("another program holds their lock") from None
            pause(_PAUSE)
        yield
    finally:
        os.close(fd)
