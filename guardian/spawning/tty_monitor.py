"""Start one program on a terminal of its own, below a monitor that leads its session.

::

    guardian ── monitor    leads the session; the terminal is its controlling one
                └── agent  leads its own group, which has the foreground

The agent itself does not lead, for two reasons. The group of a session's leader is orphaned, so the
kernel would not stop it on Ctrl-Z. And when a leader exits, its terminal is hung up: the last
output of its leftovers would be lost. The monitor outlives both.

An agent can stop its monitor, by SIGSTOP alone. The guardian sees that by itself, and
waits for nothing from the monitor once there is an agent.

The guardian holds one end of a channel. On the other the monitor tells that the
agent has stopped or ended; then it waits until that channel is closed.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Sequence
from errno import ECHILD

from ...kernel.libc import set_parent_death_signal
from ...kernel.process.identity import ProcessIdentity, identify, name_process
from ...kernel.process.procfs import children_of, continue_stopped
from ...kernel.process.terminal import adopt_terminal, release_terminal, take_foreground
from ...kernel.values import frozen
from ..channel import Channel, PeerStuck, open_channel_pair
from ..child_stops import ChildStops
from ..codec import decode_failure, decode_monitor, decode_request, encode, unexpected
from ..protocol import AgentExited, AgentStarted, AgentStopped, SpawnFailed, SpawnSpec, SpawnStep
from .spawn import SpawnError, become, describe_exit, forking, read_report

# How many times an agent that stops before exec is continued; then it is given up.
_OFTEN = 4


@frozen
class Monitored:
    """A monitor, as the guardian sees it.

    :param agent: pid of the program.
    :param channel: a ``MonitorMessage`` each; end of file: the monitor is gone.
    :param stops: of the monitor itself, not of the agent.
    """

    monitor: ProcessIdentity
    agent: int
    channel: Channel
    stops: ChildStops

    def release(self) -> None:
        """Let the monitor end, and with it the terminal's session; wait until it has."""
        self.channel.close()
        _outlive(self.monitor.pid)


def _outlive(monitor: int) -> None:
    """Wait for the end of a monitor that has nothing left to do; kill one that is stopped."""
    with contextlib.suppress(ChildProcessError):
        while os.WIFSTOPPED(os.waitpid(monitor, os.WUNTRACED)[1]):
            os.kill(monitor, signal.SIGKILL)


class _Starting:
    """Continues a monitor and its agent before exec; kills them when the agent is stopped often."""

    def __init__(self, monitor: int) -> None:
        self._monitor = monitor
        self._stops = ChildStops(monitor)
        self._continued = 0

    def look(self) -> None:
        """Look once."""
        self._stops.look()
        for agent in children_of(self._monitor):
            self._continued += continue_stopped(name_process(agent))
        if self._continued > _OFTEN:
            os.kill(self._monitor, signal.SIGKILL)


def spawn_monitored(spec: SpawnSpec, stdio: Sequence[int], restore: Sequence[int]) -> Monitored:
    """Start a monitor, and the program below it; return once exec succeeded.

    Both are killed when the *calling thread* ends: the monitor by its parent-death
    signal, and the program by that of the monitor.

    :param stdio: descriptors that become 0, 1 and 2; the first is the terminal.
    :param restore: signals whose default disposition the program must find.
    :raises SpawnError: with the failing step; nothing runs.
    """
    try:
        ours, theirs = open_channel_pair()
    except OSError as error:
        raise SpawnError(SpawnStep.FORK, error.errno or 0) from error
    guardian = os.getpid()
    # The monitor takes no signal at all; nor must one meant for it be noted as the guardian's.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        with forking() as (report_read, report_write):
            pid = os.fork()
            if pid == 0:
                _be_monitor(spec, stdio, restore, guardian, report_write, theirs)
    except SpawnError:
        ours.close()
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
    os.close(report_write)
    failure = read_report(report_read, _Starting(pid).look)
    started, monitor = ours.receive(decode_monitor), identify(pid)
    if failure or started is None or monitor is None:
        ours.close()
        _outlive(pid)
        failed = decode_failure(failure) if failure else SpawnFailed(SpawnStep.SESSION, ECHILD)
        raise SpawnError(failed.step, failed.errno)
    if not isinstance(started[0], AgentStarted):
        raise unexpected(started[0])
    return Monitored(monitor, started[0].pid, ours, ChildStops(pid))


def _be_monitor(
    spec: SpawnSpec,
    stdio: Sequence[int],
    restore: Sequence[int],
    guardian: int,
    report: int,
    channel: Channel,
) -> None:
    """Live as the monitor in the forked child. Never returns."""
    try:
        set_parent_death_signal(signal.SIGKILL)
        if os.getppid() != guardian:
            os._exit(125)
        os.setsid()
        adopt_terminal(stdio[0])
        monitor, (gate, shut) = os.getpid(), os.pipe()
        agent = os.fork()
        if agent == 0:
            os.close(shut)
            become(spec, stdio, restore, monitor, report, lambda: _enter(gate, stdio[0]))
        channel.send(AgentStarted(agent))
        # All that is inherited from the guardian: the claim, its channel, the terminal outside.
        # Also the gate's end for writing, which lets the agent go on.
        _close_all_but(channel.fileno())
        _follow(agent, channel)
    except BaseException as error:
        os.write(report, encode(SpawnFailed(SpawnStep.SESSION, getattr(error, "errno", None) or 0)))
    finally:
        os._exit(0)


def _enter(gate: int, terminal: int) -> None:
    """Wait until the guardian needs nothing more from the monitor; then take the foreground.

    An agent that stopped it earlier would stop its guardian too, which waits for its start.
    """
    os.read(gate, 1)
    take_foreground(terminal)


def _close_all_but(kept: int) -> None:
    for name in os.listdir("/proc/self/fd"):
        if int(name) != kept:
            # One of them was the listing's own.
            with contextlib.suppress(OSError):
                os.close(int(name))


def _follow(agent: int, channel: Channel) -> None:
    """Tell the guardian when the agent stops and ends; stay until it lets go."""
    while True:
        pid, status, usage = os.wait4(agent, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            break
        _give_foreground(agent)
        # It may be dropped: if the queue is full, an equal message waits in it already.
        channel.offer(AgentStopped(os.WSTOPSIG(status)))
    _tell_end(describe_exit(pid, status, usage), channel)
    # Nothing is sent to a monitor: it reads the end of file.
    channel.receive(decode_request)
    _leave_terminal()


def _tell_end(end: AgentExited, channel: Channel) -> None:
    """Tell it however long that takes: nothing else is left to do, and we die with the guardian."""
    is_told = False
    while not is_told:
        with contextlib.suppress(PeerStuck):
            channel.send(end)
            is_told = True


def _give_foreground(agent: int) -> None:
    """Let a stopped agent find itself in the foreground when it is continued, as a shell does."""
    # Refused where the terminal was hung up, or the agent has left its session.
    with contextlib.suppress(OSError), open("/dev/tty", "rb", buffering=0) as terminal:
        os.tcsetpgrp(terminal.fileno(), os.getpgid(agent))


def _leave_terminal() -> None:
    """Give the controlling terminal up without hanging it up, as a leader's exit does.

    An agent that could not be started leaves the terminal fit for another attempt.
    """
    with contextlib.suppress(OSError), open("/dev/tty", "rb", buffering=0) as terminal:
        release_terminal(terminal.fileno())
