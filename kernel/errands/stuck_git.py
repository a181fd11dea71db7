"""Tell that a git waits for what nobody will ever give it: a fifo, a device, a file without end.

git opens the files of a repository and of a working tree as it finds them, and an agent may
have put anything there. Which files these will be, nobody can tell before: each directory may
have rules of its own. So the git that runs is looked at. The kernel tells in which system call
a thread sleeps (proc_pid_syscall(5)), and the path that it opens lies in git's own memory.

Nothing of what is read here is believed further than to end that git: an agent wrote the names.
"""

from __future__ import annotations

import os
import stat

from ..process.procfs import children_of

_MOST_PROCESSES, _MOST_THREADS, _MOST_FILES = 32, 64, 256
# No file of git's is open when it begins; what our own pipes are is none of its doing.
_FIRST_OPENED = 3
_AT_FDCWD = 0xFFFFFF9C
_LARGEST_FD = 1 << 20
_LONGEST = 4096
# wchan(5) where the call itself is hidden from us, as from a debugger.
_OPENING_A_FIFO = (b"wait_for_partner", b"fifo_open")
# Devices that answer at once, and that git itself may open.
_ANSWERING = ("/dev/null", "/dev/urandom", "/dev/random", "/dev/tty")
# git reads these whole, before it knows what is in them. No true one comes near.
_RULES = (".gitignore", ".gitattributes", ".gitmodules", ".mailmap", "exclude", "attributes")
_LARGEST_RULES, _LARGEST_REFERENCE = 100 << 20, 1 << 20
_KINDS = {
    stat.S_IFIFO: "a fifo",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def why_stuck(pid: int) -> str | None:
    """Name the file that a git, or its child git, waits for in vain; None if unseen.

    A look at a moment: what it says twice is so.

    :param pid: of a child of ours that is not reaped yet, so that the number is still its own.
    """
    waiting, left = [pid], _MOST_PROCESSES
    while waiting and left > 0:
        each, left = waiting.pop(), left - 1
        waiting.extend(children_of(each))
        try:
            said = _of_one(f"/proc/{each}") if _is_git(each) else None
        except OSError:
            continue  # it has ended
        if said is not None:
            return said
    return None


def _is_git(pid: int) -> bool:
    # A filter or helper of the user's may wait for a fifo as it likes.
    return _read(f"/proc/{pid}/comm").startswith(b"git")


def _of_one(place: str) -> str | None:
    for thread in os.listdir(f"{place}/task")[:_MOST_THREADS]:
        if (said := _opening(place, f"{place}/task/{thread}")) is not None:
            return said
    for fd in os.listdir(f"{place}/fd")[:_MOST_FILES]:
        if int(fd) >= _FIRST_OPENED and (said := _reading(f"{place}/fd/{fd}")) is not None:
            return said
    return None


def _opening(place: str, thread: str) -> str | None:
    """Name the path that a thread tries to open, where that is nothing to be opened."""
    try:
        words = _read(f"{thread}/syscall").split()
    except PermissionError:
        waits = _read(f"{thread}/wchan") in _OPENING_A_FIFO
        return "a fifo lies where git expects a file; find and remove it" if waits else None
    if len(words) < 3:
        return None  # it runs
    first, second = (int(word, 16) for word in words[1:3])
    # open(2) is given a path first, openat(2) a directory, whatever their numbers are here.
    base, address = f"{place}/cwd", first
    if first & 0xFFFFFFFF == _AT_FDCWD:
        address = second
    elif first < _LARGEST_FD:
        base, address = f"{place}/fd/{first}", second
    name = _text_at(place, address)
    return _complaint(f"{base}/", name) if name else None


def _complaint(base: str, name: str) -> str | None:
    where = name if name.startswith("/") else base + name
    try:
        kind = _KINDS.get(stat.S_IFMT(os.stat(where).st_mode))
        if kind is None or os.path.realpath(where) in _ANSWERING:
            return None
    except (OSError, ValueError):
        return None
    # A directory of ours may stand for the repository's.
    shown = os.path.join(os.path.realpath(os.path.dirname(where)), os.path.basename(where))
    return f"{_printable(shown)}: expected a file, found {kind}; remove it"


def _reading(link: str) -> str | None:
    """Say why an open file is none that git comes to the end of."""
    try:
        found, path = os.stat(link), os.readlink(link)
    except OSError:
        return None  # closed again
    if not path.startswith("/") or path in _ANSWERING:
        return None  # a pipe or socket between programs has no path
    kind = _KINDS.get(stat.S_IFMT(found.st_mode))
    if kind is not None:
        return f"{_printable(path)}: expected a file, found {kind}, or a link to it; remove it"
    if stat.S_ISREG(found.st_mode) and _is_too_large(path, found.st_size):
        return f"{_printable(path)}: too large for a file of git; remove it"
    return None


def _is_too_large(path: str, size: int) -> bool:
    if size > _LARGEST_RULES and os.path.basename(path) in _RULES:
        return True
    return size > _LARGEST_REFERENCE and "/refs/" in path and "/logs/" not in path


def _text_at(place: str, address: int) -> str:
    try:
        with open(f"{place}/mem", "rb", buffering=0) as memory:
            data = os.pread(memory.fileno(), _LONGEST, address)
    except (OSError, OverflowError):
        return ""
    return os.fsdecode(data.partition(b"\0")[0])


def _read(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.read(_LONGEST) or b""


def _printable(path: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in path)
