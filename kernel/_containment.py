"""The processes of one run: who they are, how to end them, how to prove they are gone.

Invariant: a run is *proven* empty only when, after its last signal, the kernel
was read and showed no member in its leaf (``populated 0``) and no descendant of
its guardian beside the spared ones; where the guardian is dead, no process of
this user that carries the run's tag.
"""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass

from ._cgroup import is_populated, kill_leaf, leaf_pids, remove_leaf, wait_unpopulated
from ._identity import ProcessIdentity, boot_id, read_stat
from ._processes import descendants, is_live, send_signal, tagged, wait_any_exit

RUN_ID_VARIABLE = "CODEXLAB_RUN_ID"


@dataclass(frozen=True, slots=True)
class Scope:
    """What belongs to one run.

    :param run_id: the tag every process of it was started with.
    :param leaf: its cgroup, or None where none could be had.
    :param guardian: pid of the living guardian, whose descendants all belong to
        the run because it is a subreaper; None when the guardian is dead.
    :param spared: roots of subtrees that are ours, not the agent's.
    """

    run_id: str
    leaf: str | None = None
    guardian: int | None = None
    spared: frozenset[int] = frozenset()

    @property
    def mechanism(self) -> str:
        """Return the name of the strongest containment in force."""
        if self.leaf is not None:
            return "cgroup"
        return "subreaper" if self.guardian is not None else "tag"

    @property
    def can_prove(self) -> bool:
        """Tell whether an empty reading proves that nothing is left.

        Only while the guardian lives: nobody leaves the tree of its descendants,
        but a member can leave its cgroup and clear its environment.
        """
        return self.guardian is not None


def members(scope: Scope) -> tuple[ProcessIdentity, ...]:
    """Return the run's live processes, in one reading of the kernel."""
    found: dict[int, ProcessIdentity] = {}
    if scope.leaf is not None and is_populated(scope.leaf):
        for pid in leaf_pids(scope.leaf):
            stat = read_stat(pid)
            if stat is not None and is_live(stat):
                found[pid] = ProcessIdentity(pid, stat.start_time, boot_id())
    others = (
        descendants(scope.guardian, scope.spared)
        if scope.guardian is not None
        else tagged(RUN_ID_VARIABLE, scope.run_id)
    )
    found.update((process.pid, process) for process in others)
    return tuple(found.values())


def signal_members(scope: Scope, signum: int) -> int:
    """Send a signal to every member once; return how many received it."""
    return sum(send_signal(process, signum) for process in members(scope))


def kill_members(scope: Scope) -> None:
    """Send KILL to every member: the leaf at once, then whoever is not in it."""
    if scope.leaf is not None:
        kill_leaf(scope.leaf)
    signal_members(scope, signal.SIGKILL)


def wait_empty(
    scope: Scope, timeout: float, *, killing: bool = False
) -> tuple[ProcessIdentity, ...]:
    """Wait until the run has no member, or ``timeout`` seconds have passed.

    :param killing: send KILL again to whatever appears meanwhile, so that a
        process which forks faster than one sweep is still overtaken.
    :returns: the members left at the last reading; empty is the proof.
    """
    deadline = time.monotonic() + timeout
    if scope.leaf is not None:
        wait_unpopulated(scope.leaf, timeout)
    while left := members(scope):
        if killing:
            kill_members(scope)
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            return left
        wait_any_exit(left, min(remaining, 1.0))
    return ()


def end(scope: Scope, *, grace: float, patience: float) -> tuple[int, tuple[ProcessIdentity, ...]]:
    """End the run without a supervisor: TERM, ``grace`` seconds, KILL, ``patience`` seconds.

    :returns: how many members there were, and which are left.
    """
    found = members(scope)
    if not found:
        return 0, ()
    signal_members(scope, signal.SIGTERM)
    left = wait_empty(scope, grace)
    if left:
        kill_members(scope)
        left = wait_empty(scope, patience, killing=True)
    return len(found), left


def discard_leaf(scope: Scope) -> bool:
    """Remove the run's leaf; return False while something still lives in it."""
    return scope.leaf is None or remove_leaf(scope.leaf)
