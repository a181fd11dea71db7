"""Tell the files that codex makes from an agent's with such names, by what is in them."""

from __future__ import annotations

import re

from ...kernel.files.regular_file import read_both_ends, read_regular

_DATABASE = r"([a-z_]+_\d{1,9}\.sqlite)(-wal|-shm|-journal)?"
_LOCK = r"[\w.-]+\.lock"
_MARKER = r"\.\w+_migration"
_LOG = r"codex-[a-z]+\.log"
# Of its library for temporary files, or a name with an ending.
_TEMPORARY = r"\.tmp[A-Za-z0-9]{6}|\.[\w.-]+\.tmp([.-][\w.-]+)?"
_HEADER = b"SQLite format 3\0"
# The table that codex's library for databases makes before every other one.
_MIGRATIONS = b"_sqlx_migrations"
_FIRST = 64 * 1024
_LONGEST_NUMBER = 32
# A log begins with an instant, and before it perhaps with a colour.
_INSTANT = rb"(\x1b\[\d+m)*\d{4}-\d\d-\d\dT\d\d:\d\d:"
_VERSION = rb"(v?\d+)?\s*"


def has_codexs_form(name: str, dir_fd: int) -> bool:
    """Tell whether a file has both the name and the form of a file that codex makes.

    :param name: a plain name in codex's home, open as ``dir_fd``.
    :returns: False also where the file cannot be read, or is no regular one.
    """
    try:
        if found := re.fullmatch(_DATABASE, name):
            return _is_database(name, found[1], dir_fd)
        return any(
            re.fullmatch(pattern, name) and has_form(name, dir_fd)
            for pattern, has_form in _FORMS.items()
        )
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


def _is_marker(name: str, dir_fd: int) -> bool:
    """Look at a marker: it is empty, or holds a version."""
    return re.fullmatch(_VERSION, read_regular(name, _LONGEST_NUMBER, dir_fd=dir_fd)) is not None


def _is_log(name: str, dir_fd: int) -> bool:
    head = _head(name, dir_fd)
    return not head or re.match(_INSTANT, head) is not None


def _is_empty(name: str, dir_fd: int) -> bool:
    """Look at a temporary file: with content it may be anybody's."""
    return not _head(name, dir_fd)


_FORMS = {_LOCK: _is_lock, _MARKER: _is_marker, _LOG: _is_log, _TEMPORARY: _is_empty}
