"""The children in a guardian's care: the agent and its monitor, a sidecar, adopted orphans.

Invariant: every one is collected here and nowhere else. So the agent's status is exact, and no
orphan stays a zombie. A pid that the supervisor knows is not reused before it hears of that
process's end.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, assert_never

from ..kernel.containment.membership import RunProcesses, members
from ..kernel.process.descriptors import is_ready
from ..kernel.process.group import ProcessGroup
from ..kernel.process.identity import ProcessIdentity, name_process, read_stat
from ..kernel.process.oom_score import read_oom_score_adj
from ..kernel.process.procfs import has_children
from ..kernel.values import replace
from .codec import decode_monitor, unexpected
from .protocol import (
    AgentExited,
    AgentStarted,
    AgentStopped,
    Answer,
    RunHandover,
    SidecarExited,
    SidecarStarted,
    Spawn,
    Spawned,
    SpawnFailed,
    SpawnSpec,
    SpawnStep,
)
from .sidecar import Sidecar
from .spawning.spawn import SpawnError, describe_exit, spawn

if TYPE_CHECKING:
    import resource

    from .spawning.tty_monitor import Monitored

Send = Callable[[Answer, Sequence[int]], None]
# After closing its channel, the supervisor prints its error and exits.
_SUPERVISOR_SECONDS = 5.0
_REAPED_AT_ONCE = 500


class Children:
    """Starts and collects children, and tells of each that started, stopped or ended.

    :param send: sends a message with descriptors to the supervisor.
    :param poll: the guardian's; the channel of a monitor is registered there.
    ``supervisor`` is the pid of the supervisor while it is our child. It is no part of the run.
    If ``is_hosted``, the supervisor runs inside a host program instead.
    """

    def __init__(self, send: Send, poll: select.poll) -> None:
        self.supervisor: int | None = None
        self.is_hosted = False
        self._send = send
        self._poll = poll
        self._agent: int | None = None
        self._group: ProcessGroup | None = None
        self._sidecar: Sidecar | None = None
        self._monitored: Monitored | None = None

    def note_supervisor(self, pid: int | None) -> None:
        """Take in who the supervisor is: our child, or None, a part of a host."""
        self.supervisor, self.is_hosted = pid, pid is None

    def note_supervisor_gone(self) -> None:
        """Take in that the supervisor was collected: its number may be anybody's now."""
        self.supervisor = None

    def start_agent(self, request: Spawn, descriptors: list[int], restore: Sequence[int]) -> None:
        """Start the agent, and report that it runs or why it does not.

        :param descriptors: become 0, 1 and 2; closed here.
        :param restore: signals whose default disposition the program must find.
        """
        if self._group is not None:
            os.close(self._group.leader)
            self._group = None
        start = self._spawn_on_terminal if request.on_terminal else spawn
        if (pid := self._start(start, request.program, descriptors, restore)) is None:
            return
        self._agent = pid
        if request.grouped:
            # Now: as long as its parent has not reaped it, the number is its own.
            with contextlib.suppress(OSError):
                self._group = ProcessGroup(pid, os.pidfd_open(pid))
        named = self._monitor
        monitor = None if named is None else (named.pid, named.start_time)
        # Here: it may have ended by now, but only we, or its monitor, can have reaped it.
        started = Spawned(pid, _start_time(pid), read_oom_score_adj(pid), monitor)
        self._send(started, () if self._group is None else [self._group.leader])

    def start_sidecar(
        self, program: SpawnSpec, descriptors: list[int], restore: Sequence[int]
    ) -> None:
        """Start a sidecar, as :meth:`start_agent` does; it is no part of the run."""
        if (pid := self._start(spawn, program, descriptors, restore)) is not None:
            try:
                self._sidecar = Sidecar(pid)
            except OSError as error:
                # Not reaped yet: the number is still its own.
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                self._send(SpawnFailed(SpawnStep.FORK, error.errno or 0), ())
                return
            self._send(SidecarStarted(pid, _start_time(pid)), ())

    def _start(
        self,
        start: Callable[[SpawnSpec, Sequence[int], Sequence[int]], int],
        program: SpawnSpec,
        descriptors: list[int],
        restore: Sequence[int],
    ) -> int | None:
        try:
            return start(program, descriptors, restore)
        except SpawnError as error:
            self._send(SpawnFailed(error.step, error.errno), ())
            return None
        finally:
            for fd in descriptors:
                os.close(fd)

    def _spawn_on_terminal(
        self, spec: SpawnSpec, stdio: Sequence[int], restore: Sequence[int]
    ) -> int:
        from .spawning.tty_monitor import spawn_monitored

        # Ours while we take care of a terminal; the agent has jobs of its own.
        restore = (*restore, signal.SIGTTOU)
        self._monitored = spawn_monitored(spec, stdio, restore)
        self._poll.register(self._monitored.channel.fileno(), select.POLLIN)
        return self._monitored.agent

    @property
    def _monitor(self) -> ProcessIdentity | None:
        return self._monitored.monitor if self._monitored else None

    def reap(self) -> bool:
        """Collect ended children: the agent's status exactly, orphans so that none stays.

        :returns: False where more may have ended. Chains of forks leave orphans as fast as
            they are collected, and whoever asks for the end of the run must be heard meanwhile.
        """
        for _ in range(_REAPED_AT_ONCE):
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == 0:
                return True
            self._take_leave(pid, status, usage)
        return False

    def _take_leave(self, pid: int, status: int, usage: resource.struct_rusage) -> None:
        if pid == self._agent:
            self._agent = None
            self._send(describe_exit(pid, status, usage), ())
        elif self._sidecar is not None and pid == self._sidecar.pid:
            self._sidecar.close()
            self._sidecar = None
            self._send(SidecarExited(status), ())
        elif self._monitored and pid == self._monitored.monitor.pid:
            self._outlive_monitor(self._monitored, usage)

    def keep_monitor_going(self) -> None:
        """Continue a monitor that somebody stopped; kill one that is stopped again and again."""
        if self._monitored is not None:
            self._monitored.stops.look()

    def hear_monitor(self, ready: set[int]) -> None:
        """Pass on what the agent's monitor says, if its channel is among the ready ones."""
        if self._monitored and self._monitored.channel.fileno() in ready:
            self._pass_on(self._monitored)  # and of its end by SIGCHLD

    def _pass_on(self, monitored: Monitored) -> bool:
        """Pass on that the agent stopped or ended; return False when the monitor is gone."""
        received = monitored.channel.receive(decode_monitor)
        if received is None:
            return False
        message = received[0]
        match message:
            case AgentStopped():
                self._send(message, ())
            case AgentExited():
                self._agent = None
                self._send(message, ())
            case AgentStarted():
                raise unexpected(message)
            case _:
                assert_never(message)
        return True

    def _outlive_monitor(self, monitored: Monitored, usage: resource.struct_rusage) -> None:
        """Take over from a monitor that was killed.

        Its agent is killed, if its parent-death signal has not done that yet: nobody would
        see it stop. It is our child by now, so that its status is exact all the same;
        unless the monitor had collected it already.
        """
        self._poll.unregister(monitored.channel.fileno())
        while self._pass_on(monitored):
            pass
        monitored.channel.close()
        self._monitored = None
        if self._agent is None:
            return
        try:
            os.waitid(os.P_PID, self._agent, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            # A program that became another user's is only ended with the run.
            with contextlib.suppress(PermissionError):
                os.kill(self._agent, signal.SIGKILL)
        except ChildProcessError:
            self._send(describe_exit(self._agent, signal.SIGKILL, usage), ())
            self._agent = None

    def list_pids(self) -> list[int]:
        """Return who is left of the run below us, read from the kernel; no zombie is among them."""
        self.reap()
        if not has_children():
            return []
        pids = [p.pid for p in members(self.below_us()) if p.pid != self.supervisor]
        # Afterwards: what died while it was being read is a zombie by now.
        self.reap()
        return pids

    def below_us(self) -> RunProcesses:
        """Return all that is below us, but what is ours."""
        sidecar = None if self._sidecar is None else self._sidecar.pid
        ours = [pid for pid in (self.supervisor, sidecar) if pid is not None]
        return RunProcesses("", None, name_process(os.getpid()), frozenset(ours), self._monitor)

    def processes_of(self, handover: RunHandover) -> RunProcesses:
        """Return what belongs to the run: all below us but what is ours, its leaf and its group."""
        return replace(
            self.below_us(),
            run_id=handover.run_id,
            leaf=handover.leaf,
            group=self._group,
            strays=self.is_hosted,
        )

    def outlive_supervisor(self) -> None:
        """Wait for the end of a supervisor that serves no more; kill it if it does not exit.

        Its channel is closed before its children are given to us. In between, a git that it
        started would still count as a part of the supervisor, and the run would look empty.
        """
        if self.supervisor is None:
            return
        with contextlib.suppress(ChildProcessError, ProcessLookupError):
            pidfd = os.pidfd_open(self.supervisor)
            if not is_ready(pidfd, _SUPERVISOR_SECONDS):
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            os.close(pidfd)
            os.waitpid(self.supervisor, 0)
        self.note_supervisor_gone()

    def end_sidecar(self) -> None:
        """Kill the sidecar: from here on, a reading of the run would count it."""
        if self._sidecar is not None:
            self._sidecar.kill()
            self._sidecar = None

    def release_monitor(self) -> None:
        """Let the agent's monitor end, once the run was read for the last time."""
        if self._monitored is not None:
            self._monitored.release()


def _start_time(pid: int) -> int:
    stat = read_stat(pid)
    return stat.start_time if stat else 0
