"""The processes of one run: who they are, how to end them, how to prove they are gone.

Invariant: a run is *proven* empty only by a reading of the kernel after the run's last signal.
That reading showed no member in its leaf (``populated 0``), and no descendant of its living
guardian beside the spared ones. Where the guardian is dead, the leaf and the tag in the
environments of this user's processes are the only signs. They are enough to end the processes
that they show. They do not prove that there were no others.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import partial
from itertools import chain

from ..cgroup.frozen_leaf import held_still
from ..cgroup.leaf import (
    is_populated,
    kill_leaf,
    leaf_pids,
    remove_leaf,
    signal_leaf,
    wait_unpopulated,
)
from ..errands.end_wanted import check_end, wanted_fd
from ..process.group import ProcessGroup, signal_group
from ..process.identity import (
    ProcessIdentity,
    ProcessStat,
    boot_id,
    is_live,
    is_running,
    read_stat,
)
from ..process.procfs import (
    all_stats,
    descendants,
    has_children,
    is_childless,
    reap_children,
    send_signal,
    wait_any_exit,
)
from ..values import frozen
from .by_environ import find_by_environ, look_for_tag
from .signalling import Seen, lists_children, look_below, signal_seen

RUN_ID_VARIABLE = "CODEXLAB_RUN_ID"
_DYING_SECONDS = 0.1
_OVERTAKE_SECONDS = 0.5
_REACH_SECONDS = 1.0
_LOOK_AGAIN = 1.0
_LOOK_SOON = 0.2
_UNSEEN_SECONDS = 0.02


class Mechanism(StrEnum):
    """By what the processes of a run are known, the strongest first."""

    CGROUP = "cgroup"
    PROCESS_GROUP = "process-group"
    SUBREAPER = "subreaper"
    TAG = "tag"


@frozen
class RunProcesses:
    """The processes that belong to one run.

    :param run_id: the tag every process of it was started with.
    :param leaf: its cgroup, or None where none could be had.
    :param guardian: the guardian, whose descendants all belong to the run because it
        is a subreaper; None when it is known to be dead.
    :param spared: roots of subtrees that are ours, not the agent's.
    :param monitor: the process of ours whose only child the agent is, where it has a
        terminal; it lives until the run has been proven empty.
    :param strays: there may be strays, so look for the tag too while the guardian lives. An
        embedding host starts the errands of its runs, so they never are the guardian's descendants.
    :param group: the agent's process group, where that alone is gone by: who leaves it
        is not ended. None where cgroup, descent or tag are.
    """

    run_id: str
    leaf: str | None = None
    guardian: ProcessIdentity | None = None
    spared: frozenset[int] = frozenset()
    monitor: ProcessIdentity | None = None
    group: ProcessGroup | None = None
    strays: bool = False

    @property
    def mechanism(self) -> Mechanism:
        """Return the name of the strongest containment in force."""
        if self.leaf is not None:
            return Mechanism.CGROUP
        if self.group is not None:
            return Mechanism.PROCESS_GROUP
        return Mechanism.SUBREAPER if self.guardian is not None else Mechanism.TAG

    @property
    def can_prove(self) -> bool:
        """Tell whether an empty reading before this one proves that nothing is left.

        Only while the guardian lives: nobody leaves the tree of its descendants,
        but a member can leave its cgroup and clear its environment. Of a process
        group only if the guardian has no child at all, as the kernel says.
        """
        if self.guardian is None or self.group is None:
            return self.guardian is not None and is_running(self.guardian)
        if self.guardian.pid == os.getpid():
            reap_children()
            return not has_children()
        monitor = _living_monitor(self)
        childless = _is_childless(self.guardian.pid, self.spared, monitor)
        return is_running(self.guardian) and childless is True


def members(processes: RunProcesses) -> tuple[ProcessIdentity, ...]:
    """Return the run's live processes, as the kernel shows them now.

    The kernel may say that there is a member although none can be seen. Then a leaf is
    populated, or a chain forks faster than any reading. The result is one member with pid 0,
    the number that the kernel itself gives to a process out of sight.
    """
    if processes.group is not None:
        others = _outside(processes, {}) if processes.guardian is None else ()
        return (*_in_group(processes.group), *others)
    in_leaf = _in_leaf(processes.leaf)
    found = {pid: _identity(stat) for pid, stat in in_leaf.items()}
    if not found and processes.leaf is not None and _is_dimly_populated(processes.leaf):
        found[0] = _unseen()
    found.update((process.pid, process) for process in _outside(processes, in_leaf))
    return tuple(found.values())


def is_evidently_empty(processes: RunProcesses) -> bool:
    """Tell whether a few small files show that the run has no member.

    Takes a tenth of a millisecond, whatever runs on the machine. False says nothing:
    :func:`members` then has to be asked. So it does where the run is known by less than
    its leaf and its descent from a living guardian.
    """
    known_by_less = processes.group is not None or processes.strays
    if known_by_less or processes.guardian is None or not is_running(processes.guardian):
        return False
    if processes.leaf is not None and is_populated(processes.leaf):
        return False
    return (
        _is_childless(processes.guardian.pid, processes.spared, _living_monitor(processes)) is True
    )


def _in_leaf(leaf: str | None) -> dict[int, ProcessStat]:
    if leaf is None or not is_populated(leaf):
        return {}
    stats = (read_stat(pid) for pid in leaf_pids(leaf))
    return {stat.pid: stat for stat in stats if stat is not None and is_live(stat)}


def _in_group(group: ProcessGroup) -> Sequence[ProcessIdentity]:
    if not signal_group(group, 0):
        return ()
    shown = [stat for stat in all_stats() if stat.group == group.number]
    # A zombie that its parent does not collect keeps a group from being empty.
    return [_identity(stat) for stat in shown if is_live(stat)] if shown else (_unseen(),)


def _is_dimly_populated(leaf: str) -> bool:
    """Tell whether a leaf in which nobody was seen stays populated all the same."""
    # The kernel counts a process for a moment after it has become a zombie.
    return is_populated(leaf) and not wait_unpopulated(leaf, _DYING_SECONDS) and not _in_leaf(leaf)


def _outside(
    processes: RunProcesses, in_leaf: Mapping[int, ProcessStat]
) -> Sequence[ProcessIdentity]:
    """Return the members known by their descent, or else by their tag."""
    if processes.guardian is None or not is_running(processes.guardian):
        return find_by_environ(RUN_ID_VARIABLE, processes.run_id)
    found = _below(processes, processes.guardian.pid, in_leaf)
    if not processes.strays:
        return found
    return tuple({*found, *find_by_environ(RUN_ID_VARIABLE, processes.run_id)})


def _below(
    processes: RunProcesses, guardian: int, in_leaf: Mapping[int, ProcessStat]
) -> Sequence[ProcessIdentity]:
    monitor = _living_monitor(processes)
    childless = _is_childless(guardian, processes.spared, monitor)
    if childless:
        return ()
    found = descendants(guardian, processes.spared, in_leaf, monitor)
    if found or childless is None or _is_childless(guardian, processes.spared, monitor):
        return found
    return (_unseen(),)


def _living_monitor(processes: RunProcesses) -> int | None:
    """Return the monitor's pid while it is the monitor's: an agent may have killed it."""
    return processes.monitor.pid if processes.monitor and is_running(processes.monitor) else None


def _is_childless(guardian: int, spared: frozenset[int], monitor: int | None) -> bool | None:
    """Tell whether nothing of the run is a child of the guardian, nor of its monitor.

    The monitor first: it forks no more, and the kernel gives an ended agent's
    children to the guardian before it shows the agent as ended.
    """
    if monitor is not None and is_childless(monitor) is False:
        return False
    return is_childless(guardian, spared if monitor is None else spared | {monitor})


def _unseen() -> ProcessIdentity:
    return ProcessIdentity(0, 0, boot_id())


def _identity(stat: ProcessStat) -> ProcessIdentity:
    return ProcessIdentity(stat.pid, stat.start_time, boot_id())


def read_members(processes: RunProcesses) -> tuple[ProcessIdentity, ...]:
    """Return the members of a run that is to end, read while those in its leaf are held still.

    So thousands that fork all the time are read as fast as thousands that do not.
    """
    in_one_place = processes.leaf is not None or processes.group is not None
    if not in_one_place and (look := _look(processes)) is not None:
        found = (_identity(seen[0]) for seen in look() if seen is not None)
        # An empty look proves nothing.
        return tuple(dict.fromkeys(found)) or members(processes)
    with held_still(processes.leaf):
        return members(processes)


def signal_members(
    processes: RunProcesses, signum: int, counted: Sequence[ProcessIdentity] | None = None
) -> int:
    """Send a signal to every member once; return how many received it.

    Who is in the leaf is held still meanwhile, and so forks nobody who misses the signal.
    Without a leaf each is signalled as it is found, in looks that take a second at most
    beyond the first.

    :param counted: the members as they were read a moment ago, which saves a reading where
        they cannot be signalled as they are found. Who is in the leaf is listed afresh.
    """
    # Who goes on after a pause is not to be ended, and may be frozen by somebody else.
    with held_still(None if signum == signal.SIGCONT else processes.leaf):
        return _signal_each(processes, signum, counted)


def _signal_each(
    processes: RunProcesses, signum: int, counted: Sequence[ProcessIdentity] | None = None
) -> int:
    if processes.group is not None:
        others = _outside(processes, {}) if processes.guardian is None else ()
        return signal_group(processes.group, signum) + sum(send_signal(p, signum) for p in others)
    if processes.leaf is None and (look := _look(processes)) is not None:
        # Who goes on after a pause forks as it likes: nobody outruns that.
        return signal_seen(look, signum, 0 if signum == signal.SIGCONT else _REACH_SECONDS)
    in_leaf: set[int] = set() if processes.leaf is None else signal_leaf(processes.leaf, signum)
    found = members(processes) if counted is None else counted
    return len(in_leaf) + sum(
        send_signal(each, signum) for each in found if each.pid not in in_leaf
    )


def _look(processes: RunProcesses) -> Callable[[], Iterator[Seen]] | None:
    """Return a function that finds the members by descent, or else by tag, in turn.

    None where they cannot be found so: the kernel lists no children.
    """
    if processes.guardian is None or not is_running(processes.guardian):
        return lambda: look_for_tag(RUN_ID_VARIABLE, processes.run_id)
    if not lists_children(processes.guardian.pid):
        return None
    below = _look_below(processes, processes.guardian, _REACH_SECONDS)
    if not processes.strays:
        return below
    return lambda: chain(below(), look_for_tag(RUN_ID_VARIABLE, processes.run_id))


def _look_below(
    processes: RunProcesses, guardian: ProcessIdentity, seconds: float
) -> Callable[[], Iterator[Seen]]:
    until = time.monotonic() + seconds
    return partial(look_below, guardian, processes.spared, _living_monitor(processes), until)


def kill_members(processes: RunProcesses) -> None:
    """Send KILL to every member: the leaf at once, then whoever is not in it."""
    killed = processes.leaf is not None and kill_leaf(processes.leaf)
    # No freezing of those who are dying: that would only be waited for.
    (_signal_each if killed else signal_members)(processes, signal.SIGKILL)


def wait_empty(
    processes: RunProcesses, timeout: float, *, killing: bool = False
) -> tuple[ProcessIdentity, ...]:
    """Wait until the run has no member, or ``timeout`` seconds have passed.

    :param killing: send KILL again to whatever appears meanwhile, so that a
        process which forks faster than one sweep is still overtaken.
    :returns: the members left at the last reading; empty is the proof.
    :raises EndWanted: a launch that ends what an earlier run left is itself to end.
    """
    deadline = time.monotonic() + timeout
    look_again = _LOOK_AGAIN if wanted_fd() is None else _LOOK_SOON
    while True:
        check_end()
        _reap_own(processes)
        remaining = max(0.0, deadline - time.monotonic())
        if not killing and _leaf_stays_populated(processes, min(remaining, look_again)):
            if remaining > look_again:
                continue
            remaining = 0.0
        if killing and processes.leaf is None:
            # Before they are read: what forks all the time keeps the processors from a reader.
            kill_members(processes)
        left = members(processes)
        if killing and left and processes.leaf is not None:
            kill_members(processes)
            _overtake(processes)
        if not left or remaining <= 0:
            return left
        _wait_for_change(processes, left, min(remaining, look_again))


def _leaf_stays_populated(processes: RunProcesses, seconds: float) -> bool:
    """Wait so long for the leaf to become empty: no use reading its members meanwhile."""
    if processes.leaf is None:
        return False
    until = time.monotonic() + seconds
    return not wait_unpopulated(processes.leaf, seconds) and time.monotonic() >= until


def _overtake(processes: RunProcesses) -> None:
    """Kill what is below the guardian as it is found, until a look finds nobody.

    In a chain of processes each forks the next and exits. Every link becomes a child of the
    guardian, and is dead again before all of /proc has been read. Reading one small file is
    fast enough to hit one of them before it forks.
    """
    guardian = processes.guardian
    if processes.group is not None or guardian is None or not is_running(guardian):
        return
    _reap_own(processes)
    below = _look_below(processes, guardian, _OVERTAKE_SECONDS)
    signal_seen(below, signal.SIGKILL, _OVERTAKE_SECONDS)


def _reap_own(processes: RunProcesses) -> None:
    """Collect what has ended, in a guardian that is past serving.

    A chain of forks leaves thousands of zombies, each of them read by every look.
    """
    if processes.guardian is not None and processes.guardian.pid == os.getpid():
        reap_children()


def _wait_for_change(
    processes: RunProcesses, left: Sequence[ProcessIdentity], seconds: float
) -> None:
    """Wait until the leaf is empty, or, where some are outside it, until one has ended."""
    seen = [process for process in left if process.pid]
    if processes.leaf is not None and leaf_pids(processes.leaf).issuperset(p.pid for p in seen):
        wait_unpopulated(processes.leaf, seconds)
    elif seen:
        wait_any_exit(seen, seconds)
    else:
        time.sleep(min(seconds, _UNSEEN_SECONDS))


def end(
    processes: RunProcesses, *, grace: float, patience: float
) -> tuple[int, tuple[ProcessIdentity, ...]]:
    """End the run without a supervisor: TERM, ``grace`` seconds, KILL, ``patience`` seconds.

    :returns: how many members there were, and which are left.
    """
    found = read_members(processes)
    if not found:
        return 0, ()
    signal_members(processes, signal.SIGTERM, found)
    left = wait_empty(processes, grace)
    if left:
        kill_members(processes)
        left = wait_empty(processes, patience, killing=True)
    return len(found), left


def discard_leaf(processes: RunProcesses) -> bool:
    """Remove the run's leaf; return False while something still lives in it."""
    return processes.leaf is None or remove_leaf(processes.leaf)
