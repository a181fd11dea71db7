"""Links into the shared home, made and mended by rename."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ...kernel.files.below import open_directory
from ..codex_config.report import HealNotes
from ..fs import lstat_at, set_aside


def target_in(shared: Path, name: str) -> Path:
    """Return where a name of the shared home leads, without links.

    :param shared: the shared home, without links itself.
    """
    path = shared / name
    return Path(os.path.realpath(path)) if os.path.islink(path) else path


def ensure_link(name: str, dir_fd: int, target: Path, notes: HealNotes) -> None:
    """Make ``name`` a link to ``target``; whatever else lies there is kept aside.

    A wrong or broken link is replaced in one step. A healthy one is only read.
    """
    found = lstat_at(name, dir_fd)
    if found is None:
        os.symlink(target, name, dir_fd=dir_fd)
        notes.created.append(name)
        return
    if not stat.S_ISLNK(found.st_mode):
        notes.warnings.append(f"{name}: was not a link, kept as {set_aside(name, dir_fd)}")
        os.symlink(target, name, dir_fd=dir_fd)
        notes.fixed.append(name)
    elif os.readlink(name, dir_fd=dir_fd) != str(target):
        replace_link(name, dir_fd, target)
        notes.fixed.append(name)


def replace_link(name: str, dir_fd: int, target: Path) -> None:
    """Replace a link by another, with no moment without one."""
    temporary = f".{name}.{os.urandom(6).hex()}.link"
    os.symlink(target, temporary, dir_fd=dir_fd)
    os.rename(temporary, name, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)


def offer(
    name: str, dir_fd: int, shared: Path, notes: HealNotes, *, former: Path | None = None
) -> None:
    """Let a file or directory of the shared home be seen here, unless one of our own is.

    Of two directories the shared one's entries that are missing here are linked one by
    one. A link of ours whose target is gone is dropped.

    :param former: the target of a link that was ours before the shared home was another.
    """
    if former is not None and former != shared:
        withdraw(name, dir_fd, former, notes)
    found = lstat_at(name, dir_fd)
    if found is None:
        if os.path.exists(shared):
            os.symlink(shared, name, dir_fd=dir_fd)
            notes.created.append(name)
    elif stat.S_ISLNK(found.st_mode):
        if not os.path.exists(shared):
            withdraw(name, dir_fd, shared, notes)
    elif stat.S_ISDIR(found.st_mode) and os.path.isdir(shared):
        _offer_entries(name, dir_fd, shared, notes)


def withdraw(name: str, dir_fd: int, target: Path, notes: HealNotes) -> None:
    """Drop a link of ours to ``target``; whatever else has the name stays."""
    if is_link_to(name, dir_fd, target):
        os.unlink(name, dir_fd=dir_fd)
        notes.fixed.append(name)


def is_link_to(name: str, dir_fd: int, target: Path) -> bool:
    """Tell whether a name is a link that says exactly this target."""
    try:
        return os.readlink(name, dir_fd=dir_fd) == str(target)
    except OSError:
        return False


def _offer_entries(name: str, dir_fd: int, shared: Path, notes: HealNotes) -> None:
    fd = open_directory(name, dir_fd)
    try:
        offered, here = set(os.listdir(shared)), set(os.listdir(fd))
        for entry in sorted(offered - here):
            if not entry.startswith("."):
                os.symlink(shared / entry, entry, dir_fd=fd)
                notes.created.append(f"{name}/{entry}")
        for entry in sorted(here - offered):
            if is_link_to(entry, fd, shared / entry):
                os.unlink(entry, dir_fd=fd)
                notes.fixed.append(f"{name}/{entry}")
    finally:
        os.close(fd)
