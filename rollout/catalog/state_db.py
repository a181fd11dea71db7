"""Ask codex's state database where it believes a thread's rollout to be.

Read only, and never through the write-ahead log's shared memory: opening that
would create or change files beside the database. What is in the log only is
therefore not seen; the answer is a hint in any case.

An agent can have made the database: a view in the table's place may compute for ever, and
there may be thousands of files. So the newest are asked, a second in all, and nothing but the
table itself is read.
"""

from __future__ import annotations

import os
import re
import sqlite3
import time
from contextlib import closing
from urllib.parse import quote

_NAME = re.compile(r"state_([0-9]{1,9})\.sqlite")
_MOST, _SECONDS = 8, 1.0
_STEPS, _LONGEST_VALUE, _MOST_ROWS = 1000, 1 << 20, 64


def recorded_paths(home: str, thread_id: str) -> list[str]:
    """Return the paths recorded for a thread, newest database first.

    :returns: [] when no database can be read; nothing here is an error.
    """
    paths: list[str] = []
    deadline = time.monotonic() + _SECONDS
    for database in _databases(home)[:_MOST]:
        try:
            paths += _ask(database, thread_id, deadline)
        except sqlite3.Error:
            continue  # another schema, or changed under us: only a hint is lost
    return paths


def _databases(home: str) -> list[str]:
    try:
        names = os.listdir(home)
    except OSError:
        return []
    numbered = [(int(match[1]), name) for name in names if (match := _NAME.fullmatch(name))]
    paths = [os.path.join(home, name) for _, name in sorted(numbered, reverse=True)]
    # sqlite would wait for a fifo for ever.
    return list(filter(os.path.isfile, paths))


def _ask(database: str, thread_id: str, deadline: float) -> list[str]:
    # immutable: no lock, no log, no shared memory, no file made (sqlite.org/uri.html).
    address = f"file:{quote(os.path.abspath(database))}?mode=ro&immutable=1"
    with closing(sqlite3.connect(address, uri=True)) as connection:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
        connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.set_authorizer(_allow_ours)
        rows = connection.execute("SELECT rollout_path FROM threads WHERE id = ?", (thread_id,))
        return [path for (path,) in rows.fetchmany(_MOST_ROWS) if isinstance(path, str)]


def _allow_ours(
    action: int, _one: str | None, _two: str | None, _database: str | None, inside: str | None
) -> int:
    """Allow one statement on a table, and nothing that a view adds to it."""
    is_ours = action in {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ} and inside is None
    return sqlite3.SQLITE_OK if is_ours else sqlite3.SQLITE_DENY
