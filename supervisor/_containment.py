"""Choose the strongest containment this machine gives us, and say which."""

from __future__ import annotations

import os

from ..kernel import create_leaf, own_cgroup, remove_leaf
from ._errors import PlaceUnusable

CHOICES = ("auto", "cgroup", "subreaper")


def open_leaf(run_id: str, choice: str) -> tuple[str | None, str | None]:
    """Create the run's cgroup, if there is one to be had.

    Whether a process may *join* it shows only when the agent does: its spawn
    reports that step, and the launch then falls back.

    :returns: the leaf, and why there is none.
    :raises PlaceUnusable: ``cgroup`` was demanded and cannot be had.
    """
    if choice == "subreaper":
        return None, "not asked for"
    parent = own_cgroup()
    if parent is None:
        return _without(choice, "/proc/self/cgroup", "no cgroup v2 hierarchy is mounted here")
    try:
        return os.fspath(create_leaf(parent, f"codexlab-{run_id}")), None
    except OSError as error:
        return _without(choice, os.fspath(parent), error.strerror or "refused")


def give_up_leaf(leaf: str, choice: str, problem: str) -> tuple[None, str]:
    """Remove a leaf nobody could join.

    :raises PlaceUnusable: ``cgroup`` was demanded.
    """
    remove_leaf(leaf)
    _without(choice, leaf, problem)
    return None, problem


def _without(choice: str, where: str, problem: str) -> tuple[None, str]:
    if choice == "cgroup":
        raise PlaceUnusable(
            "--containment cgroup", where, problem, "use --containment auto or delegate a group"
        )
    return None, f"{where}: {problem}"
