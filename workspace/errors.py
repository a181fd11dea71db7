"""The errors of a workspace, by who must act.

::

    CallerError
    ├── BadKey             an id that cannot name a workspace
    ├── ForeignWorkspace   the directory belongs to another key or to nobody we know
    ├── WorkdirRefused     the directory asked for cannot be the workdir
    └── BranchTaken        the branch exists and this workspace did not make it
    OperatorError
    ├── PathRefused        something else lies where a directory or file should be
    ├── GitFailed          git said no, did not answer in time, or is not there
    └── HomeRefused        the shared home or a config.toml cannot be used
    BusyError
    ├── WorkspaceBusy      another run holds the workspace or the directory
    └── RepositoryBusy     another launch works on the same repository for too long
        └── RepositoryGone it was deleted meanwhile
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator
from pathlib import Path

from ..kernel.errors import BusyError, CallerError, OperatorError
from .owner import OwnerRecord


class BadKey(CallerError):
    """An issue, agent or project id that cannot name a workspace."""

    def __init__(self, what: str, value: str) -> None:
        self.what, self.value = what, value
        super().__init__(f"{what} {value!r}: expected a name of at least one character")


class ForeignWorkspace(CallerError):
    """The directory is somebody else's; it is left exactly as it is."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path}: {reason}; nothing was touched, choose another issue or root")


class WorkdirRefused(CallerError):
    """The directory or combination of flags cannot give a workdir."""

    def __init__(self, subject: str | Path, reason: str) -> None:
        self.subject, self.reason = subject, reason
        super().__init__(f"{subject}: {reason}")


class BranchTaken(CallerError):
    """A branch is in the way; it is neither moved nor overwritten."""

    def __init__(self, repo: Path, branch: str, found: str) -> None:
        self.repo, self.branch, self.found = repo, branch, found
        super().__init__(
            f"branch {branch}: {found} in {repo} and was not made by this workspace;"
            " rename or delete it, or choose another --issue or --agent"
        )


class PathRefused(OperatorError):
    """Something else lies where a directory or file of ours should be."""

    def __init__(self, path: Path, expected: str, found: str) -> None:
        self.path, self.expected, self.found = path, expected, found
        super().__init__(f"{path}: expected {expected}, found {found}; move it away and run again")


class GitFailed(OperatorError):
    """git refused; the message is its last line, without credentials.

    :param where: a path, or what names one when it is printed.
    """

    def __init__(self, action: str, where: object, detail: str) -> None:
        self.action, self.where, self.detail = action, where, detail
        place = f" in {where}" if where is not None else ""
        super().__init__(f"git {action}{place}: {detail}")


class HomeRefused(OperatorError):
    """The shared home, or a configuration in it or in ours, cannot be used."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path}: {reason}")


class WorkspaceBusy(BusyError):
    """Another run holds it.

    :param holder: None while that run is still starting.
    :param advice: how to wait for its end, with the command at hand.
    """

    def __init__(
        self,
        path: Path,
        holder: OwnerRecord | None,
        advice: str = "wait for its end",
    ) -> None:
        self.path, self.holder = path, holder
        if holder is None:
            who = "a run that is just starting, or another command"
            otherwise = "try again"
        else:
            who = f"run {holder.run_id} (pid {holder.pid} on {holder.host}, since {holder.started})"
            otherwise = f"end it: codexlab stop {holder.run_id}"
        self.reason = f"busy, held by {who}"
        super().__init__(f"{path}: {self.reason}; {advice}, or {otherwise}")


class RepositoryBusy(BusyError):
    """Worktrees of one repository are made one after another; the wait was too long."""

    def __init__(self, repo: Path, seconds: float, holder: str = "another command") -> None:
        self.repo, self.seconds, self.holder = repo, seconds, holder
        super().__init__(
            f"{repo}: its worktrees were busy for {seconds:.0f} s, held by {holder}; try again"
        )


class RepositoryGone(RepositoryBusy):
    """The repository was deleted or replaced while its lock was waited for."""

    def __init__(self, repo: Path) -> None:
        super().__init__(repo, 0)
        self.reworded(f"{repo}: was deleted while its lock was waited for; try again")


@contextlib.contextmanager
def operator_errors(path: Path) -> Generator[None, None, None]:
    """Turn a system error into one line that names the path it is about."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        message = f"{path}: {reason}"
        raise OperatorError(message) from error
