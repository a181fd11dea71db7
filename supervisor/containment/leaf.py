"""Choose the strongest containment this machine gives us, and say which."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ...kernel.cgroup.leaf import create_leaf, own_cgroup, remove_leaf
from ...kernel.process.identity import ProcessIdentity, is_running
from ...kernel.values import frozen
from ..containment_choice import ContainmentChoice
from ..errors import PlaceUnusable
from .stale_leaves import LEAF_PREFIX, remove_stale_leaves


@frozen
class ContainmentRequest:
    """The containment that is asked for, and who asks.

    :param run_id: the run, which names its group.
    :param choice: a word of `ContainmentChoice`.
    :param guardian: pid of the process whose children are to join.
    :param environ: the caller's, which says where systemd's user manager listens.
    """

    run_id: str
    choice: str
    guardian: int
    environ: Mapping[str, str]


def open_leaf(
    wanted: ContainmentRequest, parent: Path | None = None
) -> tuple[str | None, str | None]:
    """Create the run's cgroup, if there is one to be had.

    Below our own group where that is ours to divide, else in a transient scope of
    systemd. Whether a process may *join* it shows only when the agent does: its
    spawn reports that step, and the launch then falls back.

    :param parent: the group that held the run's last leaf, for another attempt.
    :returns: the leaf, and why there is none.
    :raises PlaceUnusable: ``cgroup`` was demanded and cannot be had.
    """
    if wanted.choice not in (ContainmentChoice.AUTO, ContainmentChoice.CGROUP):
        return None, "not asked for"
    parent = parent or own_cgroup()
    if parent is None:
        where = "/proc/self/cgroup"
        return _without(wanted.choice, where, "no cgroup v2 hierarchy is mounted here")
    try:
        leaf = _create(parent, wanted)
    except OSError as error:
        problem = error.strerror or "refused"
    else:
        remove_stale_leaves(parent, wanted.run_id)
        return leaf, None
    return _open_in_scope(wanted, f"{parent}: {problem}")


def _open_in_scope(wanted: ContainmentRequest, problem: str) -> tuple[str | None, str | None]:
    """Create it in a scope of systemd's user manager; the guardian is moved there too."""
    from ...kernel.cgroup.systemd_scope import ScopeRefused, enter_user_scope

    try:
        scope = enter_user_scope(wanted.guardian, f"codexlab-{wanted.run_id}", wanted.environ)
        return _create(scope, wanted), None
    except ScopeRefused as error:
        why = str(error)
    except OSError as error:
        why = f"{error.filename}: {error.strerror}"
    return _without(wanted.choice, problem, why)


def _create(parent: Path, wanted: ContainmentRequest) -> str:
    return os.fspath(create_leaf(parent, f"{LEAF_PREFIX}{wanted.run_id}"))


def why_no_descent(guardian: ProcessIdentity, choice: str) -> str | None:
    """Say why the run is not known by its descent from the guardian, or return None.

    :raises PlaceUnusable: ``subreaper`` was demanded and cannot be had.
    """
    if choice == ContainmentChoice.PROCESS_GROUP:
        return "not asked for"
    if is_running(guardian):
        return None
    problem = "does not show our own processes"
    if choice == ContainmentChoice.SUBREAPER:
        remedy = "mount it, or use --containment auto"
        raise PlaceUnusable("--containment subreaper", "/proc", problem, remedy)
    return f"/proc {problem}"


def give_up_leaf(leaf: str, choice: str, problem: str) -> tuple[None, str]:
    """Remove a leaf nobody could join.

    :raises PlaceUnusable: ``cgroup`` was demanded.
    """
    remove_leaf(leaf)
    _without(choice, leaf, problem)
    return None, problem


def _without(choice: str, where: str, problem: str) -> tuple[None, str]:
    if choice == ContainmentChoice.CGROUP:
        raise PlaceUnusable(
            "--containment cgroup", where, problem, "use --containment auto or delegate a group"
        )
    return None, f"{where}: {problem}"
