"""Ask codex's state database where it believes a thread's rollout to be.

Read only, and never through the write-ahead log's shared memory: opening that
would create or change files beside the database. What is in the log only is
therefore not seen; the answer is a hint in any case.
"""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing
from urllib.parse import quote

_NAME = re.compile(r"state_([0-9]{1,9})\.sqlite")


def recorded_paths(home: str, thread_id: str) -> list[str]:
    """Return the paths recorded for a thread, newest database first.

    :returns: [] when no database can be read; nothing here is an error.
    """
    paths: list[str] = []
    for database in _databases(home):
        try:
            paths += _ask(database, thread_id)
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


def _ask(database: str, thread_id: str) -> list[str]:
    # immutable: no lock, no log, no shared memory, no file made (sqlite.org/uri.html).
    address = f"file:{quote(os.path.abspath(database))}?mode=ro&immutable=1"
    with closing(sqlite3.connect(address, uri=True)) as connection:
        rows = connection.execute("SELECT rollout_path FROM threads WHERE id = ?", (thread_id,))
        return [path for (path,) in rows if isinstance(path, str)]
