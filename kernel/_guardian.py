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
from collections.abc import Sequence
from typing import Any

from ._channel import Channel, Message
from ._containment import end
from ._custody import LOST_GRACE, LOST_PATIENCE, Custody, finish_lost_run
from ._errors import InternalError
from ._libc import set_child_subreaper
from ._noted_signals import ECHO_SECONDS, SAME_WISH_SECONDS, NotedSignals
from ._spawn import prepare_to_spawn
from ._wards import Wards

# Python ignores these two; programs expect to find them at their default.
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)


class Guardian:
    """The event loop of the guarding process: one poll, no thread, no timer when quiet."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._signals = NotedSignals()
        self._poll = select.poll()
        self._wards = Wards(self._tell, self._poll)
        self._custody: Custody | None = None
        self._settings: list[Any] | None = None
        self._undoing: int | None = None
        self._status: int | None = None
        self._is_all_reaped = True

    def abandon(self) -> tuple[signal.Signals, ...]:
        """Give everything back in the forked supervisor, which is not the guardian.

        :returns: the wishes that the guardian takes.
        """
        self._signals.give_back()
        self._channel.close()
        return self._signals.wishes

    def guard(self, supervisor: int | None, host: int | None = None) -> int:
        """Serve the supervisor until it is gone; return the exit status.

        :param supervisor: its pid when it is our child, None when we serve a host.
        :param host: a pidfd of the host.
        """
        self._wards.supervisor, self._wards.is_hosted = supervisor, supervisor is None
        set_child_subreaper()
        prepare_to_spawn()
        for source in (self._channel, self._signals, host):
            if source is not None:
                self._poll.register(source, select.POLLIN)
        while True:
            ready = {fd for fd, _ in self._poll.poll(None if self._is_all_reaped else 0)}
            if not self._is_all_reaped:
                self._is_all_reaped = self._wards.reap()
            if self._signals.fileno() in ready:
                self._take_notice()
            self._wards.hear_monitor(ready)
            if self._channel.fileno() in ready:
                if not self._serve():
                    return self._end()
            elif host in ready:
                # What it forked may hold a copy of its end of our channel for ever.
                return self._end()

    def _take_notice(self, answered: int | None = None) -> None:
        for signum in self._signals.read():
            if signum == signal.SIGCHLD:
                # The rest has its turn when what came with it was heard.
                self._is_all_reaped = self._is_all_reaped and self._wards.reap()
            elif signum != answered:
                self._report_signal(signum)

    def _report_signal(self, signum: int, same_wish: float = SAME_WISH_SECONDS) -> None:
        if self._signals.is_news(signum, same_wish):
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
                grouped = message.get("grouped", False)
                self._wards.start_agent(
                    message["spec"], descriptors, self._changed_signals(), grouped=grouped
                )
            case "accompany":
                self._wards.start_companion(message["spec"], descriptors, self._changed_signals())
            case "children":
                self._tell({"event": "children", "pids": self._wards.list_pids()})
            case "terminal":
                self._keep_settings(message["settings"], *descriptors)
            case "stop":
                self._stop_job(descriptors)
            case "wish":
                self._report_signal(message["signum"])
            case "echo":
                # Ours is heard at once; the supervisor's own may wait for a processor.
                self._take_notice()
                self._report_signal(message["signum"], ECHO_SECONDS)
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

    def _keep_settings(self, settings: list[Any] | None, undoing: int | None = None) -> None:
        """Take care of the caller's terminal while it is raw; None: it no longer is.

        :param undoing: memory in which the supervisor keeps what switches the agent's modes off.

        Raw or not, its group may be sent SIGTSTP from outside, and must not be stopped
        before the supervisor has put the terminal back.
        """
        if self._undoing is not None:
            os.close(self._undoing)
        self._settings, self._undoing = settings, undoing
        self._signals.take_stop()

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

    def _changed_signals(self) -> tuple[signal.Signals, ...]:
        """Return those that a program must find at their default, and does not with us."""
        return (*_IGNORED_BY_PYTHON, *self._signals.taken)

    def _end(self) -> int:
        self._give_terminal_back()
        # Before the run is read: from here on it is nobody's to be spared.
        self._wards.end_companion()
        status = self._finish()
        self._wards.release_monitor()
        return status

    def _give_terminal_back(self) -> None:
        if self._settings is None:
            return
        from ._terminal import read_undoing, restore_settings, show

        if self._undoing is not None:
            show(1, read_undoing(self._undoing))
        restore_settings(0, self._settings)

    def _finish(self) -> int:
        if self._status is not None:
            if self._wards.supervisor is not None:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(self._wards.supervisor, 0)
            return self._status
        self._wards.outlive_supervisor()
        self._finish_lost()
        return 125

    def _finish_lost(self) -> None:
        custody = self._custody
        if custody is None:
            # Not claimed yet: what the planning started is all there can be.
            end(self._wards.below_us(), grace=LOST_GRACE, patience=LOST_PATIENCE)
            return
        left = finish_lost_run(custody, self._wards.scope_of(custody))
        rest = f"; {len(left)} processes are left" if left else "; nothing it started is left"
        where = f"; see {custody.record}" if os.path.exists(custody.record) else ""
        line = f"the supervisor of run {custody.run_id} died{rest}{where}"
        # The terminal may have died first.
        with contextlib.suppress(OSError):
            sys.stderr.write(f"codexlab-run: {line}\n")
            sys.stderr.flush()
