"""What writers that were killed left in a directory that many processes write to.

Invariant: whoever replaces a file here holds a shared flock on the directory meanwhile. So
who has it alone, and lists the names then, sees temporary files of dead writers only.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat

from .atomic import replace_file
from .flock import try_lock, unlock, wait_lock

_ATTEMPTS = 3
_PATIENCE = 0.5  # seconds; a sweep takes less than one of its thousandths
_PAUSES = (0.001, 0.02)
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def replace_among_others(name: str, data: bytes, *, dir_fd: int, durable: bool = True) -> None:
    """Replace a file as `replace_file` does, so that no sweep takes its temporary file.

    :raises OSError: whatever the filesystem says.
    """
    # An open file of its own: a lock belongs to that, not to the directory's name.
    fd = os.open(".", _DIRECTORY, dir_fd=dir_fd)
    try:
        for attempt in range(_ATTEMPTS):
            # Where somebody else keeps the lock, the file is written all the same.
            with contextlib.suppress(OSError):
                wait_lock(fd, _PATIENCE, _PAUSES, shared=True)
            try:
                replace_file(name, data, dir_fd=dir_fd, durable=durable)
            except FileNotFoundError:
                if attempt + 1 == _ATTEMPTS:
                    raise
            else:
                return
    finally:
        _let_go(fd)


def sweep_dead_writers(pattern: str, dir_fd: int) -> None:
    """Remove the temporary files of dead writers; none while anybody writes here.

    Only regular files of this user with exactly the name that `replace_file` gives them.

    :param pattern: regular expression of the whole names of the files that were to be replaced.
    """
    form = re.compile(rf"\.(?:{pattern})\.[0-9a-f]{{12}}\.tmp")
    if not any(map(form.fullmatch, os.listdir(dir_fd))):
        return
    fd = os.open(".", _DIRECTORY, dir_fd=dir_fd)
    try:
        if try_lock(fd):
            for name in filter(form.fullmatch, os.listdir(dir_fd)):
                _remove(name, dir_fd)
    except OSError:
        return  # a filesystem without this lock: nobody knows who writes
    finally:
        _let_go(fd)


def _remove(name: str, dir_fd: int) -> None:
    with contextlib.suppress(OSError):
        found = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
        if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid():
            os.unlink(name, dir_fd=dir_fd)


def _let_go(fd: int) -> None:
    # For a child too that was forked meanwhile and has not closed its duplicate yet.
    with contextlib.suppress(OSError):
        unlock(fd)
    os.close(fd)
