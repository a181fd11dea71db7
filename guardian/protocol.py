"""Every message between the processes of a run: supervisor, guardian, fork server, monitor.

A message is a frozen value. ``codec.py`` writes and reads it, and checks each field by its
annotation. :class:`~codexlab.guardian.channel.Channel` carries it, with descriptors beside it.
``docs/architecture.md`` shows the list.
"""

from __future__ import annotations

from enum import StrEnum

from ..kernel.values import frozen

# The number of a signal.
Signum = int


class SpawnStep(StrEnum):
    """The steps between fork and exec, in their order; any of them can fail."""

    FORK = "fork"
    SESSION = "session"
    CGROUP = "cgroup"
    PRIORITY = "priority"
    DEATH_SIGNAL = "death signal"
    STDIO = "stdio"
    CHDIR = "chdir"
    SIGNALS = "signals"
    EXEC = "exec"


@frozen
class SpawnSpec:
    """One program to start.

    :param path: the file to execute, already resolved.
    :param argv: its arguments, the name it is called by first.
    :param environment: its whole environment.
    :param cwd: the directory to start in.
    :param leaf: the cgroup to be in before exec, or None.
    :param nice: how much lower its priority is than ours (nice(2)).
    :param below: the path from ``cwd`` to where it starts; no part of it may be a link.
    """

    path: str
    argv: tuple[str, ...]
    environment: dict[str, str]
    cwd: str
    leaf: str | None = None
    nice: int = 0
    below: str = ""


@frozen
class RunHandover:
    """Take care of this run. Beside it: descriptors of the claim and of what else stays held.

    :param run_id: the run's tag.
    :param leaf: its cgroup, or None.
    :param record: path of ``record.json``, which already holds the plan; the events lie beside it.
    :param owner: path of ``owner.json``.
    :param witness: path of the same in our state directory.
    :param base: the workspaces root: no link is followed below it.
    :param temporary: the run's temp directory, removed once it is empty of processes.
    """

    run_id: str
    leaf: str | None
    record: str
    owner: str
    witness: str
    base: str
    temporary: str


@frozen
class Spawn:
    """Start the agent or a hook. Beside it: descriptors for 0, 1 and 2.

    :param grouped: keep hold of its process group, which is all that contains it.
    :param on_terminal: start it below a monitor, on the terminal that descriptor 0 is.
    """

    program: SpawnSpec
    grouped: bool = False
    on_terminal: bool = False


@frozen
class StartSidecar:
    """Start a sidecar. Beside it: descriptors for 0, 1 and 2."""

    program: SpawnSpec


@frozen
class ListChildren:
    """Read from the kernel which processes of the run are left below the guardian."""


@frozen
class KeepTerminal:
    """Put the caller's terminal back if we die. Beside it: memory with what undoes its modes.

    :param flags: the first six settings of tcgetattr(3).
    :param characters: the control characters, as numbers.
    """

    flags: tuple[int, ...]
    characters: tuple[int, ...]


@frozen
class ForgetTerminal:
    """The terminal is as it was; report SIGTSTP from now on."""


@frozen
class StopJob:
    """Stop the whole job. Beside it: a descriptor that is closed when the job goes on."""


@frozen
class ReportSignal:
    """Report this signal as if the guardian had received it."""

    signum: Signum


@frozen
class EchoSignal:
    """The supervisor was sent this signal; report it unless the guardian was sent it too."""

    signum: Signum


@frozen
class Released:
    """The run is proven empty and given back: forget it; exit with this status if we die."""

    status: int | None


@frozen
class Finish:
    """Exit with this status when the channel closes."""

    status: int


@frozen
class Spawned:
    """The agent or hook runs. Beside it: its process group's descriptor, where one is kept.

    :param start_time: clock ticks since boot, or 0 where it has ended already.
    :param oom_score_adj: as the kernel has it, or None where it cannot be read.
    :param monitor: pid and start time of the monitor of its terminal, or None.
    """

    pid: int
    start_time: int
    oom_score_adj: int | None
    monitor: tuple[int, int] | None


@frozen
class SidecarStarted:
    """The sidecar runs."""

    pid: int
    start_time: int


@frozen
class SpawnFailed:
    """A step between fork and exec failed; nothing runs."""

    step: SpawnStep
    errno: int


@frozen
class ChildrenLeft:
    """These processes of the run are left."""

    pids: tuple[int, ...]


@frozen
class Signalled:
    """The guardian received a signal."""

    signum: Signum


@frozen
class AgentStopped:
    """The agent on its terminal was stopped by a signal."""

    signum: Signum


@frozen
class AgentExited:
    """The agent or hook ended, as wait4(2) told.

    :param status: the wait status, not the exit status.
    :param user: seconds of CPU time.
    :param system: seconds of CPU time.
    """

    pid: int
    status: int
    user: float
    system: float
    max_rss_kib: int


@frozen
class SidecarExited:
    """The sidecar ended with this wait status."""

    status: int


@frozen
class AgentStarted:
    """The monitor has forked the agent."""

    pid: int


@frozen
class ForkGuardian:
    """Fork a guardian. Beside it: its end of its channel.

    :param number: tells this order from others; the answer repeats it.
    """

    number: int


@frozen
class GuardianForked:
    """The ordered guardian runs."""

    number: int
    pid: int


@frozen
class ForkRefused:
    """The ordered guardian could not be forked."""

    number: int
    errno: int


Request = (
    RunHandover
    | Spawn
    | StartSidecar
    | ListChildren
    | KeepTerminal
    | ForgetTerminal
    | StopJob
    | ReportSignal
    | EchoSignal
    | Released
    | Finish
)
Reply = Spawned | SidecarStarted | SpawnFailed | ChildrenLeft
Notification = Signalled | AgentStopped | AgentExited | SidecarExited
Answer = Reply | Notification
MonitorMessage = AgentStarted | AgentStopped | AgentExited
ForkAnswer = GuardianForked | ForkRefused
Message = Request | Answer | MonitorMessage | ForkGuardian | ForkAnswer
