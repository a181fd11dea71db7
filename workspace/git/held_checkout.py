"""A workdir and its git directories as a launch sees them, held open until the run is over.

An agent can put another git directory, or a link, in the place of each. Device and inode tell
that. The number of a deleted directory is given to the next one, but not while one is open.
"""

from __future__ import annotations

import os
from pathlib import Path

from ...kernel.values import frozen
from ..errors import GitFailed, operator_errors
from .checkout import Checkout

_FLAGS = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC


@frozen
class HeldCheckout:
    """Descriptors of a workdir, its git directory and its repository; None where there is none."""

    workdir: int
    git_dir: int | None
    common_dir: int | None

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Return the descriptors; whoever asked for them closes them."""
        return tuple(fd for fd in (self.workdir, self.git_dir, self.common_dir) if fd is not None)


def hold_checkout(workdir: Path, git_dir: Path | None, common_dir: Path | None) -> HeldCheckout:
    """Open a workdir and its git directories, before an agent is in them.

    :raises OperatorError: one of them cannot be opened; nothing stays open.
    """
    fds: list[int | None] = []
    try:
        for place in (workdir, git_dir, common_dir):
            with operator_errors(place or workdir):
                fds.append(None if place is None else os.open(place, _FLAGS))
    except BaseException:
        for fd in fds:
            if fd is not None:
                os.close(fd)
        raise
    assert fds[0] is not None
    return HeldCheckout(fds[0], fds[1], fds[2])


def check_held(held: HeldCheckout, workdir: Path, found: Checkout) -> None:
    """Go on, where a checkout is still the one that the launch saw.

    A repository that was made in a workdir without any is ordinary work. It counts where its
    git directory lies in the workdir itself.

    :param found: the checkout as it is now.
    :raises GitFailed: the workdir or its git directory is another one.
    """
    if not _is_at(held.workdir, workdir):
        _refuse(workdir, "is not the directory of the launch")
    if held.git_dir is None or held.common_dir is None:
        own = found.cwd / ".git"
        if found.top is not None and (found.git_dir != own or found.common_dir != own):
            _refuse(workdir, f"its .git appeared during the run and leads to {found.git_dir}")
        return
    for fd, now in ((held.git_dir, found.git_dir), (held.common_dir, found.common_dir)):
        if now is None or not _is_at(fd, now):
            _refuse(workdir, f"its git directory {now} is not the one of the launch")


def _is_at(fd: int, place: Path) -> bool:
    try:
        # A link in its place may lead to the very directory, moved away; git would follow it.
        return os.path.samestat(os.fstat(fd), os.lstat(place))
    except OSError:
        return False


def _refuse(workdir: Path, why: str) -> None:
    raise GitFailed("status", workdir, f"{why}; not followed")
