"""Worktrees of one repository are made and removed one after another, in all processes.

git picks the name of a worktree's administrative directory, and edits shared
references, without one lock around it all. Ours lies in our own state directory,
named by the repository's device and inode: nothing is written into the repository.
Every git we start under it inherits the descriptor, so the lock lasts as long as
git works even when we are killed.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator
from pathlib import Path

from ...kernel.errands.end_wanted import pause
from ...kernel.errands.errand import LongWait
from ...kernel.files.flock import open_lock_file, wait_lock
from ..errors import RepositoryBusy, RepositoryGone, operator_errors
from ..fs import open_below
from ..state_leftovers import sweep_beside_lock

LOCK_PATIENCE = 600.0
_PAUSES = 0.005, 0.2


@contextlib.contextmanager
def repository_lock(
    common_dir: Path, state_dir: Path, *, patience: float = LOCK_PATIENCE, holder: str = ""
) -> Generator[int, None, None]:
    """Hold a repository's lock for a block and yield its descriptor.

    :param patience: seconds to wait for it.
    :param holder: who holds it then, as whoever waits is told; by default this process.
    :raises RepositoryBusy: it was not to be had in that time.
    :raises RepositoryGone: the repository was deleted meanwhile.
    """
    status = os.stat(common_dir)
    directory_fd = open_below(state_dir / "repositories", create=True)
    try:
        name = f"{status.st_dev:x}-{status.st_ino:x}"
        with operator_errors(state_dir / "repositories" / f"{name}.lock"):
            fd = open_lock_file(f"{name}.lock", dir_fd=directory_fd)
        try:
            _wait(fd, common_dir, patience)
            if not _is_still(common_dir, status):
                raise RepositoryGone(common_dir)  # as gc and a failed fetch do with a cache
            _sign(fd, holder or f"a command (pid {os.getpid()})")
            sweep_beside_lock(directory_fd, name)
            yield fd
        finally:
            # Closed, not unlocked: a git of ours that still runs keeps it.
            os.close(fd)
    finally:
        os.close(directory_fd)


def _is_still(common_dir: Path, status: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.stat(common_dir), status)
    except FileNotFoundError:
        return False


def _sign(fd: int, holder: str) -> None:
    # A full disk keeps nobody from working.
    with contextlib.suppress(OSError):
        os.ftruncate(fd, 0)
        os.pwrite(fd, os.fsencode(holder), 0)


def _holder(fd: int) -> str:
    return os.fsdecode(os.pread(fd, 200, 0)) or "another command"


def _wait(fd: int, common_dir: Path, patience: float) -> None:
    long = LongWait()

    def pause_and_tell(seconds: float) -> None:
        pause(seconds)
        long.tell_if_due(f"{_holder(fd)}, which works on {common_dir}")

    if not wait_lock(fd, patience, _PAUSES, pause_and_tell):
        raise RepositoryBusy(common_dir, patience, _holder(fd))
