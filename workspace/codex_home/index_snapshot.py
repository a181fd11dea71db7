"""Give a fresh codex-home a snapshot of the shared home's index of threads.

Without it the first codex in a new home reads the whole shared history. The
database itself is never shared: codex would record rollouts by the path through the
issue's home, which dangles once that home is gone.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from ...kernel.errands.end_wanted import EndWanted, check_end
from ...kernel.files.regular_file import create_file
from ..codex_config.report import HealNotes

if TYPE_CHECKING:
    import sqlite3

_STATE = r"state_\d+\.sqlite"
_PATIENCE = 5.0


def seed_state(home_fd: int, home: Path, shared: Path, notes: HealNotes) -> None:
    """Copy every ``state_N.sqlite`` of the shared home, unless there is one here already.

    SQLite's online backup: consistent while codex writes. A database that cannot be
    copied is left out with a warning: codex then builds its own.
    """
    names = os.listdir(home_fd)
    if any(re.fullmatch(_STATE, name) for name in names):
        return
    found = sorted(name for name in os.listdir(shared) if re.fullmatch(_STATE, name))
    if not found:
        return
    for name in found:
        _snapshot(name, home_fd, home, shared, notes)


def _snapshot(name: str, home_fd: int, home: Path, shared: Path, notes: HealNotes) -> None:
    import sqlite3

    temporary = f".state-{os.urandom(6).hex()}.tmp"
    try:
        _refuse_journal(shared / name)
        _backup(shared / name, home / temporary)
        os.rename(temporary, name, src_dir_fd=home_fd, dst_dir_fd=home_fd)
        notes.created.append(name)
    except EndWanted:
        _discard(temporary, home_fd)
        raise
    except (sqlite3.Error, TimeoutError, OSError) as error:
        _discard(temporary, home_fd)
        notes.warnings.append(f"{name}: no snapshot of the shared one ({error})")


def _refuse_journal(database: Path) -> None:
    """Refuse a database with a journal: SQLite would play it back, and unlink what it names.

    codex keeps none. *Not promised*: that none comes between this look and the opening; who
    can put one into the user's own home can unlink the user's files.
    """
    journal = database.with_name(f"{database.name}-journal")
    with contextlib.suppress(FileNotFoundError):
        if os.lstat(journal).st_size > 0:
            message = f"{journal.name} waits to be played back, which codex does when it starts"
            raise OSError(message)


def _discard(temporary: str, home_fd: int) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary + suffix, dir_fd=home_fd)


def _backup(source: Path, target: Path) -> None:
    deadline = time.monotonic() + _PATIENCE

    def bounded(_status: int, _remaining: int, _total: int) -> None:
        check_end()
        if time.monotonic() > deadline:
            message = f"busy for {_PATIENCE:.0f} s"
            raise TimeoutError(message)

    os.close(create_file(target))
    with (
        contextlib.closing(_connect(source)) as reader,
        contextlib.closing(_connect(target)) as writer,
    ):
        reader.execute("pragma query_only = 1")
        reader.backup(writer, pages=4096, progress=bounded, sleep=0.05)


def _connect(path: Path) -> sqlite3.Connection:
    import sqlite3

    # Not mode=ro: such a connection leaves empty -wal and -shm files behind (SQLite 3.40).
    return sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=1.0)
