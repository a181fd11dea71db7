"""The process the caller started: parent of the agent, adopter of its orphans.

It forks the supervisor before anything heavy is imported and stays single
threaded, so that parent-death signals, adoption and exit statuses are exact.

Invariant: the guardian exits only after it has read from the kernel that the
run is empty, or has written down how many processes were left.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ._channel import Channel, Message
from ._companion import Companion
from ._containment import Scope, members
from ._custody import Custody, finish_lost_run
from ._errors import InternalError
from ._identity import ProcessIdentity, name_process, read_stat
from ._libc import set_child_subreaper
from ._oom import read_oom_score_adj
from ._process_group import ProcessGroup
from ._processes import has_children
from ._spawn import SpawnError, SpawnSpec, describe_exit, prepare_to_spawn, spawn

if TYPE_CHECKING:
    import resource

    from ._monitor import Monitored

FORWARDED = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGCONT,
)
# A terminal, timeout(1) and a kill of the group can each deliver one wish twice.
SAME_WISH_SECONDS = 0.3
# A job may be stopped and continued as often as somebody likes.
_NOT_WISHES = (signal.SIGCONT, signal.SIGTSTP)
# Python ignores these two; programs expect to find them at their default.
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)


class Guardian:
    """The event loop of the guarding process: one poll, no thread, no timer when quiet."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._supervisor: int | None = None
        self._agent: int | None = None
        self._companion: Companion | None = None
        self._custody: Custody | None = None
        self._monitored: Monitored | None = None
        self._settings: list[Any] | None = None
        self._group: ProcessGroup | None = None
        self._status: int | None = None
        self._poll = select.poll()
        self._last_wish: dict[int, float] = {}
        self._wakeup, self._wakeup_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._wakeup_write)
        # A signal that was ignored on entry stays so (nohup, a shell's background job).
        wishes = [s for s in FORWARDED if signal.getsignal(s) != signal.SIG_IGN]
        self._taken = (signal.SIGCHLD, *wishes)
        for signum in self._taken:
            signal.signal(signum, _note)
        # A mask outlives fork and exec: a host that waits for its signals itself has them blocked.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._taken)

    def abandon(self) -> None:
        """Give everything back in the forked supervisor, which is not the guardian."""
        signal.set_wakeup_fd(-1)
        for signum in self._taken:
            signal.signal(signum, signal.SIG_DFL)
        for fd in (self._wakeup, self._wakeup_write):
            os.close(fd)
        self._channel.close()

    def guard(self, supervisor: int | None, host: int | None = None) -> int:
        """Serve the supervisor until it is gone; return the exit status.

        :param supervisor: its pid when it is our child, None when we serve a host.
        :param host: a pidfd of the host.
        """
        self._supervisor = supervisor
        set_child_subreaper()
        prepare_to_spawn()
        self._poll.register(self._channel.fileno(), select.POLLIN)
        self._poll.register(self._wakeup, select.POLLIN)
        if host is not None:
            self._poll.register(host, select.POLLIN)
        while True:
            ready = {fd for fd, _ in self._poll.poll()}
            if self._wakeup in ready:
                self._take_notice()
            if self._monitored and self._monitored.channel.fileno() in ready:
                self._hear_monitor(self._monitored)  # and of its end by SIGCHLD
            if self._channel.fileno() in ready:
                if not self._serve():
                    return self._end()
            elif host in ready:
                # What it forked may hold a copy of its end of our channel for ever.
                return self._end()

    def _take_notice(self, answered: int | None = None) -> None:
        for signum in self._noted():
            if signum == signal.SIGCHLD:
                self._reap()
            elif signum != answered:
                self._report_signal(signum)

    def _noted(self) -> bytes:
        try:
            return os.read(self._wakeup, 4096)
        except BlockingIOError:
            return b""

    def _reap(self) -> None:
        """Collect every ended child: the agent's status exactly, orphans so that none stays."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._agent:
                self._agent = None
                self._tell(describe_exit(pid, status, usage))
            elif self._companion is not None and pid == self._companion.pid:
                self._companion.close()
                self._companion = None
                self._tell({"event": "companion-exited", "status": status})
            elif self._monitored and pid == self._monitored.monitor.pid:
                self._outlive_monitor(self._monitored, usage)

    def _hear_monitor(self, monitored: Monitored) -> bool:
        """Pass on that the agent stopped or ended; return False when the monitor is gone."""
        received = monitored.channel.receive()
        if received is None:
            return False
        if received[0]["event"] == "exited":
            self._agent = None
        self._tell(received[0])
        return True

    def _outlive_monitor(self, monitored: Monitored, usage: resource.struct_rusage) -> None:
        """Take over from a monitor that somebody killed.

        Its agent dies by its parent-death signal and becomes our child, so that its
        status is exact all the same; unless the monitor had collected it already.
        """
        self._poll.unregister(monitored.channel.fileno())
        while self._hear_monitor(monitored):
            pass
        monitored.channel.close()
        self._monitored = None
        if self._agent is None:
            return
        try:
            os.waitid(os.P_PID, self._agent, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            self._tell(describe_exit(self._agent, signal.SIGKILL, usage))
            self._agent = None

    def _report_signal(self, signum: int) -> None:
        now = time.monotonic()
        if signum in _NOT_WISHES:
            self._last_wish.pop(signum, None)
        if now - self._last_wish.get(signum, -1.0) < SAME_WISH_SECONDS:
            return
        self._last_wish[signum] = now
        self._tell({"event": "signal", "signum": signum})

    def _tell(self, message: Message, descriptors: Sequence[int] = ()) -> None:
        # A supervisor that just died is noticed as end of file by the next poll.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._channel.send(message, descriptors)

    def _serve(self) -> bool:
        received = self._channel.receive()
        if received is None:
            return False
        message, descriptors = received
        match message["op"]:
            case "custody":
                self._take_custody(Custody(**message["custody"], locks=tuple(descriptors)))
            case "spawn":
                self._spawn(message["spec"], descriptors, grouped=message.get("grouped", False))
            case "accompany":
                self._accompany(message["spec"], descriptors)
            case "children":
                self._tell({"event": "children", "pids": self._children()})
            case "terminal":
                self._keep_settings(message["settings"])
            case "stop":
                self._stop_job(descriptors)
            case "wish":
                self._report_signal(message["signum"])
            case "released":
                self._let_go()
                if message["status"] is not None:
                    self._status = message["status"]
            case "finish":
                self._status = message["status"]
            case unknown:
                raise InternalError(f"the guardian does not know the operation {unknown!r}")
        return True

    def _take_custody(self, custody: Custody) -> None:
        self._let_go()
        self._custody = custody

    def _let_go(self) -> None:
        """Forget the run: its supervisor hands it over anew, or has given it back proven empty."""
        for fd in self._custody.locks if self._custody else ():
            os.close(fd)
        self._custody = None

    def _keep_settings(self, settings: list[Any] | None) -> None:
        """Take care of the caller's terminal while it is raw; None: it no longer is.

        Raw or not, its group may be sent SIGTSTP from outside, and must not be stopped
        before the supervisor has put the terminal back.
        """
        self._settings = settings
        # Putting it back from the background must not stop us.
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        if signal.getsignal(signal.SIGTSTP) == signal.SIG_DFL:
            signal.signal(signal.SIGTSTP, _note)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTSTP])
            self._taken = (*self._taken, signal.SIGTSTP)

    def _stop_job(self, waiting: Sequence[int]) -> None:
        """Stop our process group, which is the job a shell knows; hang up on who waits for its end.

        Whoever continues it answers this stop: the SIGCONT is noted by the time we go on,
        and is no news. What came before the stop is told first.
        """
        self._take_notice()
        # To this process too, which takes it before the call returns.
        os.killpg(0, signal.SIGSTOP)
        # All of it: somebody may have continued only the process they know.
        os.killpg(0, signal.SIGCONT)
        self._take_notice(answered=signal.SIGCONT)
        for fd in waiting:
            os.close(fd)

    def _spawn(self, spec: dict[str, Any], descriptors: list[int], *, grouped: bool) -> None:
        if self._group is not None:
            os.close(self._group.leader)
            self._group = None
        if (pid := self._start(spec, descriptors)) is None:
            return
        self._agent = pid
        if grouped:
            # Now: as long as its parent has not reaped it, the number is its own.
            with contextlib.suppress(ProcessLookupError):
                self._group = ProcessGroup(pid, os.pidfd_open(pid))
        self._tell_started("spawned", pid, () if self._group is None else [self._group.leader])

    def _accompany(self, spec: dict[str, Any], descriptors: list[int]) -> None:
        if (pid := self._start(spec, descriptors)) is not None:
            self._companion = Companion(pid)
            self._tell_started("accompanied", pid)

    def _start(self, spec: dict[str, Any], descriptors: list[int]) -> int | None:
        start = self._spawn_on_terminal if spec.pop("terminal", False) else spawn
        try:
            return start(SpawnSpec(**spec), descriptors[:3], (*_IGNORED_BY_PYTHON, *self._taken))
        except SpawnError as error:
            self._tell({"event": "spawn-failed", "step": error.step, "errno": error.errno})
            return None
        finally:
            for fd in descriptors:
                os.close(fd)

    def _spawn_on_terminal(
        self, spec: SpawnSpec, stdio: Sequence[int], restore: Sequence[int]
    ) -> int:
        from ._monitor import spawn_monitored

        # Ours while we take care of a terminal; the agent has jobs of its own.
        restore = (*restore, signal.SIGTTOU)
        self._monitored = spawn_monitored(spec, stdio, restore)
        self._poll.register(self._monitored.channel.fileno(), select.POLLIN)
        return self._monitored.agent

    def _tell_started(self, event: str, pid: int, descriptors: Sequence[int] = ()) -> None:
        stat = read_stat(pid)
        start_time = stat.start_time if stat else 0
        monitor = self._monitor and (self._monitor.pid, self._monitor.start_time)
        started = {"event": event, "pid": pid, "start_time": start_time, "monitor": monitor}
        # Here: it may have ended by now, but only we, or its monitor, can have reaped it.
        started["oom_score_adj"] = read_oom_score_adj(pid)
        self._tell(started, descriptors)

    @property
    def _monitor(self) -> ProcessIdentity | None:
        return self._monitored.monitor if self._monitored else None

    def _children(self) -> list[int]:
        self._reap()
        if not has_children():
            return []
        pids = [p.pid for p in members(self._scope(leaf=None)) if p.pid != self._supervisor]
        # Afterwards: what died while it was being read is a zombie by now.
        self._reap()
        return pids

    def _scope(self, leaf: str | None, group: ProcessGroup | None = None) -> Scope:
        run_id = self._custody.run_id if self._custody else ""
        companion = None if self._companion is None else self._companion.pid
        ours = [pid for pid in (self._supervisor, companion) if pid is not None]
        me = name_process(os.getpid())
        return Scope(run_id, leaf, me, frozenset(ours), self._monitor, group)

    def _end(self) -> int:
        if self._settings is not None:
            from ._terminal import restore_settings

            restore_settings(0, self._settings)
        if self._companion is not None:
            # Before the run is read: from here on it is nobody's to be spared.
            self._companion.kill()
            self._companion = None
        status = self._finish()
        if self._monitored is not None:
            self._monitored.release()
        return status

    def _finish(self) -> int:
        if self._status is not None:
            if self._supervisor is not None:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(self._supervisor, 0)
            return self._status
        if self._custody is not None:
            self._finish_lost(self._custody)
        return 125

    def _finish_lost(self, custody: Custody) -> None:
        left = finish_lost_run(custody, self._scope(custody.leaf, self._group))
        rest = f"; {len(left)} processes are left" if left else "; nothing it started is left"
        line = f"the supervisor of run {custody.run_id} died{rest}; see {custody.record}"
        # The terminal may have died first.
        with contextlib.suppress(OSError):
            sys.stderr.write(f"codexlab-run: {line}\n")
            sys.stderr.flush()


def _note(_signum: int, _frame: object) -> None:
    """Let the wake-up descriptor carry the signal; nothing happens in the handler itself."""
