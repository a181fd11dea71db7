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
import os
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from ...kernel.files.atomic import fsync_directory, write_all
from ...kernel.files.flock import try_lock
from ...kernel.files.regular_file import NOT_REGULAR, open_regular, read_regular_if_any
from ..store.directory_owner import list_own_directory, make_own_directory, open_shared
from .handle import StoreHandle
from .journal_entry import JournalEntry, JournalLines, encode_entry, parse_lines

UNFINISHED_SUFFIX = ".new"
_SUFFIX = ".jsonl"
_JOURNAL = re.compile(r"[0-9a-f]{8}\.jsonl")
# A line has some 500 bytes: half a million kept files in one journal.
_LARGEST = 256 * 1024 * 1024


def new_token() -> str:
    """Return a token for a journal."""
    return secrets.token_hex(4)


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
