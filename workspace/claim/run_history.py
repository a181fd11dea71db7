"""Records of past runs: the last ones are kept."""

from __future__ import annotations

import os
import stat

from ...kernel.files.tree import remove_tree
from ..errors import operator_errors
from ..fs import directory, kind_of, lstat_at, open_child, set_aside
from ..paths import CONTROL, WorkspacePaths
from .claim import Claim


def make_run_directory(claim: Claim, run_id: str) -> str | None:
    """Make the directory of one run below ``runs``; no link is followed on the way.

    :returns: a line on what was in the way of ``runs`` and was kept aside, where there was.
    :raises OperatorError: the filesystem refuses.
    """
    place, note = claim.paths.runs, None
    with operator_errors(place):
        found = lstat_at(place.name, claim.control_fd)
        if found is not None and not stat.S_ISDIR(found.st_mode):
            kind = kind_of(place.name, claim.control_fd)
            aside = set_aside(place.name, claim.control_fd)
            note = f"{place}: was {kind}, kept as {aside}, made anew"
        runs_fd = open_child(place.name, claim.control_fd, place, create=True)
        try:
            os.mkdir(run_id, 0o700, dir_fd=runs_fd)
        finally:
            os.close(runs_fd)
    return note


def prune_runs(paths: WorkspacePaths, keep: int = 50, slack: int = 10) -> int:
    """Delete all but the newest ``keep`` directories below ``runs``. The claim must be held.

    :param slack: so many more may gather first; deleting one at a time holds every launch up.
    :returns: how many were deleted.
    """
    try:
        with (
            directory(paths.base, *paths.names, CONTROL, "runs") as runs_fd,
            operator_errors(paths.runs),
        ):
            names = os.listdir(runs_fd)
            if len(names) <= keep + slack:
                return 0
            old = sorted(_directories(names, runs_fd), reverse=True)[keep:]
            for _, name in old:
                remove_tree(name, runs_fd)
            return len(old)
    except FileNotFoundError:
        return 0


def _directories(names: list[str], runs_fd: int) -> list[tuple[int, str]]:
    found = [(os.stat(name, dir_fd=runs_fd, follow_symlinks=False), name) for name in names]
    return [(status.st_mtime_ns, name) for status, name in found if stat.S_ISDIR(status.st_mode)]
