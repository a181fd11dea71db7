"""Tell codex's databases and locks from an agent's files with such names, by what is in them."""

from __future__ import annotations

import re

from ...kernel.files.regular_file import read_both_ends, read_regular

_DATABASE = r"([a-z_]+_\d{1,9}\.sqlite)(-wal|-shm|-journal)?"
_LOCK = r"[\w.-]+\.lock"
_HEADER = b"SQLite format 3\0"
# The table that codex's library for databases makes before every other one.
_MIGRATIONS = b"_sqlx_migrations"
_FIRST = 64 * 1024
_LONGEST_NUMBER = 32


def has_codexs_form(name: str, dir_fd: int) -> bool:
    """Tell whether a file has the name and the form of a database or a lock of codex's.

    :param name: a plain name in codex's home, open as ``dir_fd``.
    :returns: False also where the file cannot be read, or is no regular one.
    """
    try:
        if found := re.fullmatch(_DATABASE, name):
            return _is_database(name, found[1], dir_fd)
        return re.fullmatch(_LOCK, name) is not None and _is_lock(name, dir_fd)
    except OSError:
        return False


def _is_database(name: str, of: str, dir_fd: int) -> bool:
    """Look at a database, or at a log of the database ``of``, which it shares its maker with."""
    if not _head(name, dir_fd):
        return True
    head = _head(of, dir_fd)
    if head and not head.startswith(_HEADER):
        return False
    # After a kill the first tables may be in the log alone.
    return _MIGRATIONS in head or _MIGRATIONS in _head(f"{of}-wal", dir_fd)


def _head(name: str, dir_fd: int) -> bytes:
    return read_both_ends(name, _FIRST, dir_fd=dir_fd)[0]


def _is_lock(name: str, dir_fd: int) -> bool:
    """Look at a lock: it is empty, or holds the number of a process."""
    text = read_regular(name, _LONGEST_NUMBER, dir_fd=dir_fd).strip()
    return not text or text.isdigit()
