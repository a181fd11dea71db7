"""Let the issue's codex forget where it believes a thread to be, when that is outdated.

codex resumes the file that its home's ``state_N.sqlite`` names for a thread. Each home has its
own database. So the file, its history mode or its place may have changed from the other side:
the thread was edited, migrated or unarchived there. Without a row codex finds the newest file
by name (0.135 to 0.171). Only the workspace's own database is ever written to.

The database lies where an agent can write. It is looked at only if it, and each file that
SQLite keeps beside it, is a plain file of ours with one name. No journal may wait to be played
back. Sizes and times are bounded, and nothing that the schema adds to our two statements is
carried out. While a process has the database open, nothing is read of it, nor deleted.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ...kernel.values import frozen
from ..errors import PathRefused
from ..fs import directory, lstat_at
from ..paths import WorkspacePaths
from .index_copy import JOURNAL, SHARED_MEMORY, WAL, copied, has_log, install, locked

if TYPE_CHECKING:
    import sqlite3

_STATE = r"state_\d{1,9}\.sqlite"
_BESIDE = (WAL, SHARED_MEMORY, JOURNAL)
_LARGEST, _LARGEST_LOG = 1 << 29, 1 << 28
_LONGEST_VALUE = 1 << 24
_SECONDS = 1.0
_HAS_THREADS = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'threads'"


@frozen
class ThreadFile:
    """Where a thread goes on.

    :param rollout: its newest file, plain path.
    :param history_mode: as the file says; ``legacy`` where it says nothing.
    """

    thread: str
    rollout: Path
    history_mode: str


def forget_outdated(paths: WorkspacePaths, newest: ThreadFile) -> str | None:
    """Delete the rows of a thread that name another file than its newest; the claim must be held.

    :returns: None, or one line on a database that cannot be asked: codex may go on
        with an older file then.
    """
    import sqlite3

    try:
        with directory(paths.base, *paths.names, "codex-home") as home_fd:
            for name in (n for n in os.listdir(home_fd) if re.fullmatch(_STATE, n)):
                _check(name, home_fd, paths.codex_home)
                with locked(name, home_fd, _SECONDS) as fd:
                    _check(name, home_fd, paths.codex_home)
                    _forget_in(paths.codex_home / name, fd, home_fd, newest)
    except (OSError, PathRefused, ValueError, sqlite3.Error) as error:
        why = str(error)
        return f"codex's index of threads cannot be used ({why}); an older file may go on"
    return None


def _check(name: str, home_fd: int, home: Path) -> None:
    """Refuse a database that leads out of the home, or would take too long.

    :raises PathRefused: it is no plain file with one name, or too large.
    """
    for file_name in (name, *(name + suffix for suffix in _BESIDE)):
        found = lstat_at(file_name, home_fd)
        if found is None:
            continue
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1 or found.st_uid != os.geteuid():
            raise PathRefused(
                home / file_name, "a plain file without other names", "something else"
            )
        if file_name.endswith(JOURNAL) and found.st_size > 0:
            raise PathRefused(home / file_name, "no journal to be played back", "a journal")
        limit = _LARGEST if file_name == name else _LARGEST_LOG
        if found.st_size > limit:
            raise PathRefused(home / file_name, f"at most {limit} bytes", "a larger file")


def _forget_in(database: Path, fd: int, home_fd: int, newest: ThreadFile) -> None:
    # In its place it is read without its log: codex empties that when it ends in order.
    if not has_log(database.name, home_fd) and not _names_another(database, newest, "immutable=1"):
        return
    with copied(fd, database.name, home_fd) as copy:
        if _names_another(copy, newest, "mode=rw"):
            with contextlib.closing(_open(copy, "mode=rw")) as writer, writer:
                writer.execute("DELETE FROM threads WHERE id = ?", (newest.thread,))
            install(copy, database.name, home_fd)


def _names_another(database: Path, newest: ThreadFile, how: str) -> bool:
    with contextlib.closing(_open(database, how)) as reader:
        if not reader.execute(_HAS_THREADS).fetchone():
            return False  # of another codex, which keeps its threads elsewhere
        rows = reader.execute("SELECT * FROM threads WHERE id = ?", (newest.thread,))
        names = [column[0] for column in rows.description]
        return any(_is_outdated(dict(zip(names, row, strict=True)), newest) for row in rows)


def _is_outdated(row: dict[str, Any], newest: ThreadFile) -> bool:
    path = str(row.get("rollout_path")).removesuffix(".zst")
    mode = row.get("history_mode") or newest.history_mode
    elsewhere = os.path.realpath(path) != os.path.realpath(newest.rollout)
    return elsewhere or mode != newest.history_mode or bool(row.get("archived"))


def _open(database: Path, how: str) -> sqlite3.Connection:
    import sqlite3

    address = f"file:{quote(os.path.abspath(database))}?{how}"
    connection = sqlite3.connect(address, uri=True, timeout=_SECONDS)
    try:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
        deadline = time.monotonic() + _SECONDS
        connection.set_progress_handler(lambda: time.monotonic() > deadline, 1000)
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
        connection.set_authorizer(_allow_ours)
    except BaseException:
        connection.close()
        raise
    return connection


def _allow_ours(
    action: int, _one: str | None, _two: str | None, _database: str | None, inside: str | None
) -> int:
    """Allow two statements on one table; nothing that a view or a trigger adds to them."""
    import sqlite3

    ours = {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_DELETE,
        sqlite3.SQLITE_TRANSACTION,
    }
    return sqlite3.SQLITE_OK if action in ours and inside is None else sqlite3.SQLITE_DENY
