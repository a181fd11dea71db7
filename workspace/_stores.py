"""codex's stores: links to the shared home's, or directories of the issue's own.

Invariant: no rollout is ever lost or overwritten. A real directory found where a
link belongs gives its files to the shared store one by one, each appearing there
complete or not at all and only under a name that is free in both of a rollout's
forms; what cannot move stays, under a name beside the link.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path
from typing import Literal

from ..kernel import fsync_directory, give_to_owner_above, open_regular
from ._credentials import MCP
from ._dirs import lstat_at, open_below, open_child, set_aside
from ._errors import HomeRefused
from ._home_report import HealNotes
from ._links import point_at
from ._shared_files import heal_shared_files

SessionMode = Literal["shared", "issue"]

STORES = ("sessions", "archived_sessions")
LOCKS = "thread-writer-locks"
_MCP_LOCKS = "mcp-oauth-locks"
_COPY_SIZE = 1024 * 1024
# codex puts a rollout three directories deep. What is deeper is no store of codex's, and
# would make the shared one a tree that nobody walks to its end.
_DEEPEST = 8


def heal_stores(home_fd: int, shared: Path, mode: SessionMode, notes: HealNotes) -> None:
    """Give the home its stores and codex's own thread locks.

    The locks are shared in either mode: a thread may be continued from both sides. So are
    those under which codex renews the logins of MCP servers, where there are any.

    :raises HomeRefused: the shared home lacks a store, and does not let us make it.
    """
    shared_fd = open_below(shared)
    try:
        _share_locks(home_fd, shared_fd, shared, mode, notes)
        for name in STORES:
            if mode == "shared":
                _share(name, home_fd, shared_fd, shared, notes)
            else:
                _own(name, home_fd, notes)
        heal_shared_files(home_fd, shared, mode, notes)
    finally:
        os.close(shared_fd)


def _share_locks(
    home_fd: int, shared_fd: int, shared: Path, mode: SessionMode, notes: HealNotes
) -> None:
    try:
        _share(LOCKS, home_fd, shared_fd, shared, notes)
        if (shared / MCP).is_file():
            _share(_MCP_LOCKS, home_fd, shared_fd, shared, notes)
    except HomeRefused as error:
        if mode == "shared":
            raise
        notes.warnings.append(f"{error.path}: {error.reason}; codex's locks are this issue's own")
        _own(LOCKS, home_fd, notes)


def _share(name: str, home_fd: int, shared_fd: int, shared: Path, notes: HealNotes) -> None:
    try:
        os.mkdir(name, 0o700, dir_fd=shared_fd)
        give_to_owner_above(shared / name)
    except FileExistsError:
        pass
    except OSError as error:
        if os.path.lexists(shared / name):
            raise
        raise HomeRefused(
            shared / name,
            f"the shared home's store cannot be made ({error.strerror}); make {shared} writable,"
            " or give the issue its own with --sessions issue",
        ) from None
    # Resolved, so that a shared home made of links itself may go away later.
    target = Path(os.path.realpath(shared / name))
    found = lstat_at(name, home_fd)
    if found is not None and stat.S_ISDIR(found.st_mode):
        _give_away(name, home_fd, target, notes)
    point_at(name, home_fd, target, notes)


def _own(name: str, home_fd: int, notes: HealNotes) -> None:
    found = lstat_at(name, home_fd)
    if found is not None and stat.S_ISLNK(found.st_mode):
        os.unlink(name, dir_fd=home_fd)
        notes.fixed.append(name)
    elif found is not None:
        return
    else:
        notes.created.append(name)
    os.mkdir(name, 0o700, dir_fd=home_fd)


def give_back(name: str, home_fd: int, shared: Path) -> int:
    """Move the files of a store of the issue's own to the shared one; conflicts stay here.

    :returns: how many were moved.
    """
    found = lstat_at(name, home_fd)
    if found is None or not stat.S_ISDIR(found.st_mode):
        return 0
    with contextlib.suppress(FileExistsError):
        os.mkdir(shared / name, 0o700)
        give_to_owner_above(shared / name)
    moved, _ = _merge_store(name, home_fd, Path(os.path.realpath(shared / name)))
    return moved


def _give_away(name: str, home_fd: int, target: Path, notes: HealNotes) -> None:
    moved, left = _merge_store(name, home_fd, target)
    if moved:
        notes.fixed.append(f"{name} ({moved} files moved to the shared store)")
    if left:
        aside = set_aside(name, home_fd)
        notes.warnings.append(f"{name}: {left} files differ from the shared ones, kept in {aside}")
    else:
        os.rmdir(name, dir_fd=home_fd)


def _merge_store(name: str, home_fd: int, target: Path) -> tuple[int, int]:
    source_fd = open_child(name, home_fd, Path(name))
    try:
        target_fd = open_below(target)
        try:
            return _merge(source_fd, target_fd, name, _DEEPEST)
        finally:
            os.close(target_fd)
    finally:
        os.close(source_fd)


def _merge(source_fd: int, target_fd: int, where: str, depth: int) -> tuple[int, int]:
    """Move what is missing in the target, so many directories deep; return (moved, left)."""
    moved = left = 0
    for name in sorted(os.listdir(source_fd)):
        status = os.stat(name, dir_fd=source_fd, follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            counts = _merge_directory(name, source_fd, target_fd, where, depth - 1)
            moved, left = moved + counts[0], left + counts[1]
        elif stat.S_ISREG(status.st_mode) and _move(name, source_fd, target_fd):
            moved += 1
        elif _leads_there(name, source_fd, target_fd):
            os.unlink(name, dir_fd=source_fd)
        else:
            left += 1
    return moved, left


def _leads_there(name: str, source_fd: int, target_fd: int) -> bool:
    """Tell whether a name is a link to the very file it would become."""
    try:
        ours, theirs = (os.stat(name, dir_fd=fd) for fd in (source_fd, target_fd))
    except OSError:
        return False
    link = stat.S_ISLNK(os.stat(name, dir_fd=source_fd, follow_symlinks=False).st_mode)
    return link and (ours.st_dev, ours.st_ino) == (theirs.st_dev, theirs.st_ino)


def _merge_directory(
    name: str, source_fd: int, target_fd: int, where: str, depth: int
) -> tuple[int, int]:
    if not depth:
        return 0, 1
    place = Path(where, name)
    inner = open_child(name, source_fd, place)
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=target_fd)
        if not stat.S_ISDIR(os.stat(name, dir_fd=target_fd, follow_symlinks=False).st_mode):
            return 0, 1
        outer = open_child(name, target_fd, place)
        try:
            counts = _merge(inner, outer, str(place), depth)
        finally:
            os.close(outer)
    finally:
        os.close(inner)
    if counts[1] == 0:
        os.rmdir(name, dir_fd=source_fd)
    return counts


def _move(name: str, source_fd: int, target_fd: int) -> bool:
    """Move one file to a free name, never over another form of the same rollout.

    A crash between the two steps leaves both names; the next heal finds them equal.
    """
    forms = {name, name.removesuffix(".zst"), f"{name}.zst" if name.endswith(".jsonl") else name}
    for form in forms - {name}:
        if lstat_at(form, target_fd) is not None:
            return False
    try:
        os.link(name, name, src_dir_fd=source_fd, dst_dir_fd=target_fd, follow_symlinks=False)
    except FileExistsError:
        if not _same(name, source_fd, target_fd):
            return False
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK):
            raise
        if not _copy(name, source_fd, target_fd):
            return False
    fsync_directory(target_fd)
    os.unlink(name, dir_fd=source_fd)
    return True


def _copy(name: str, source_fd: int, target_fd: int) -> bool:
    temporary = f".{secrets.token_hex(6)}.tmp"
    status = os.stat(name, dir_fd=source_fd, follow_symlinks=False)
    try:
        with (
            open(open_regular(name, dir_fd=source_fd), "rb") as source,
            open(_create(temporary, target_fd), "wb") as out,
        ):
            while data := source.read(_COPY_SIZE):
                out.write(data)
            out.flush()
            os.fchmod(out.fileno(), stat.S_IMODE(status.st_mode))
            os.utime(out.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))
            os.fsync(out.fileno())
        os.link(temporary, name, src_dir_fd=target_fd, dst_dir_fd=target_fd)
    except FileExistsError:
        return _same(name, source_fd, target_fd)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=target_fd)
    return True


def _same(name: str, source_fd: int, target_fd: int) -> bool:
    ours = os.stat(name, dir_fd=source_fd, follow_symlinks=False)
    theirs = os.stat(name, dir_fd=target_fd, follow_symlinks=False)
    if (ours.st_dev, ours.st_ino) == (theirs.st_dev, theirs.st_ino):
        return True
    if not stat.S_ISREG(theirs.st_mode) or ours.st_size != theirs.st_size:
        return False
    with (
        open(open_regular(name, dir_fd=source_fd), "rb") as one,
        open(open_regular(name, dir_fd=target_fd), "rb") as other,
    ):
        while data := one.read(_COPY_SIZE):
            if data != other.read(len(data)):
                return False
    return True


def _create(name: str, dir_fd: int) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(name, flags, 0o600, dir_fd=dir_fd)
