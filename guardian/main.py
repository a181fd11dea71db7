"""The process the caller started: parent of the agent, adopter of its orphans.

It forks the supervisor before anything heavy is imported and stays single
threaded, so that parent-death signals, adoption and exit statuses are exact.

Invariant: the guardian exits only after the kernel showed the run empty, or after it has written
down how many processes were left. Where it can do neither, it has killed what it could name without
opening anything.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, assert_never

from ..kernel.containment.membership import end
from ..kernel.libc import set_child_subreaper
from ..kernel.process.own_limits import take_back_own_limits
from .channel import Channel, Outbox
from .child_stops import SUPERVISOR_PAUSE, ChildStops
from .children import Children
from .codec import decode_request
from .ending.lost_run import LOST_GRACE, LOST_PATIENCE, finish_lost_run
from .protocol import (
    ChildrenLeft,
    EchoSignal,
    Finish,
    ForgetTerminal,
    KeepTerminal,
    ListChildren,
    Released,
    ReportSignal,
    Request,
    RunHandover,
    Signalled,
    Spawn,
    StartSidecar,
    StopJob,
)
from .signals import DUPLICATE_SECONDS, ECHO_SECONDS, SignalPipe
from .spawning.spawn import prepare_to_spawn

if TYPE_CHECKING:
    from .ending.last_resort import LastResort

_ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
# Python ignores these two; programs expect to find them at their default.
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)


class Guardian:
    """The event loop of the guarding process: one poll, no thread, no timer when quiet."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._signals = SignalPipe()
        self._poll = select.poll()
        self._outbox = Outbox(channel, self._poll)
        self._children = Children(self._outbox.tell, self._poll)
        self._handover: RunHandover | None = None
        self._locks: tuple[int, ...] = ()
        self._settings: list[Any] | None = None
        self._undoing: int | None = None
        self._status: int | None = None
        self._is_all_reaped = True
        self._stops: ChildStops | None = None
        self._last_resort: LastResort | None = None

    def abandon(self) -> tuple[signal.Signals, ...]:
        """Give everything back in the forked supervisor, which is not the guardian.

        :returns: the signals that the guardian takes.
        """
        self._signals.give_back()
        self._channel.close()
        return self._signals.requests

    def guard(self, supervisor: int | None, host: int | None = None) -> int:
        """Serve the supervisor until it is gone; return the exit status.

        :param supervisor: its pid when it is our child, None when we serve a host.
        :param host: a pidfd of the host.
        """
        self._children.note_supervisor(supervisor)
        set_child_subreaper()
        try:
            self._prepare(supervisor, host)
            self._serve_until_gone(host)
            return self._end()
        except Exception as error:
            return self._end_at_any_rate(error)

    def _prepare(self, supervisor: int | None, host: int | None) -> None:
        prepare_to_spawn()
        if supervisor is not None:
            self._stops = ChildStops(supervisor, SUPERVISOR_PAUSE)
        for source in (self._channel, self._signals, host):
            if source is not None:
                self._poll.register(source, select.POLLIN)

    def _serve_until_gone(self, host: int | None) -> None:
        while True:
            ready = self._wait()
            self._outbox.send_waiting()
            if not self._is_all_reaped:
                self._is_all_reaped = self._children.reap()
            if self._signals.fileno() in ready:
                self._take_notice()
            if self._stops is not None:
                self._stops.look()
            self._children.keep_monitor_going()
            self._children.hear_monitor(ready)
            if self._channel.fileno() in ready:
                if not self._serve():
                    return
            elif host in ready:
                # What it forked may hold a copy of its end of our channel for ever.
                return

    def _wait(self) -> set[int]:
        """Return what there is to read from, or has ended."""
        try:
            found = self._poll.poll(self._patience())
        except OSError:
            # More are asked after than we may have open (poll(2), EINVAL).
            take_back_own_limits()
            found = self._poll.poll(0)
        return {fd for fd, events in found if events != select.POLLOUT}

    def _patience(self) -> float | None:
        """Return for how many milliseconds nothing has to be looked after; None: for ever."""
        if not self._is_all_reaped:
            return 0
        seconds = None if self._stops is None else self._stops.seconds_left()
        return None if seconds is None else seconds * 1000 + 1

    def _take_notice(self, answered: int | None = None) -> None:
        for signum in self._signals.read():
            if signum == signal.SIGCHLD:
                # The rest has its turn when what came with it was heard.
                self._is_all_reaped = self._is_all_reaped and self._children.reap()
            elif signum == signal.SIGXCPU:
                take_back_own_limits()
            elif signum != answered:
                self._report_signal(signum)

    def _report_signal(self, signum: int, window: float = DUPLICATE_SECONDS) -> None:
        if self._signals.is_new(signum, window):
            if self._stops is not None and signum in _ENDING:
                self._stops.note_asked()
            self._outbox.tell(Signalled(signum))

    def _serve(self) -> bool:
        # For what comes with the message, and for what it asks for.
        take_back_own_limits()
        received = self._channel.receive(decode_request)
        if received is None:
            return False
        self._obey(*received)
        return True

    def _obey(self, message: Request, descriptors: list[int]) -> None:
        match message:
            case RunHandover():
                self._take_handover(message, tuple(descriptors))
            case Spawn():
                self._children.start_agent(message, descriptors, self._changed_signals())
            case StartSidecar(program):
                self._children.start_sidecar(program, descriptors, self._changed_signals())
            case ListChildren():
                self._outbox.tell(ChildrenLeft(tuple(self._children.list_pids())))
            case KeepTerminal(flags, characters):
                self._keep_settings([*flags, list(characters)], *descriptors)
            case ForgetTerminal():
                self._keep_settings(None)
            case StopJob():
                self._stop_job(descriptors)
            case ReportSignal(signum):
                self._report_signal(signum)
            case EchoSignal(signum):
                # Ours is heard at once; the supervisor's own may wait for a processor.
                self._take_notice()
                self._report_signal(signum, ECHO_SECONDS)
            case Released(status):
                self._let_go()
                if status is not None:
                    self._status = status
            case Finish(status):
                self._status = status
            case _:
                assert_never(message)

    def _take_handover(self, handover: RunHandover, locks: tuple[int, ...]) -> None:
        self._let_go()
        self._handover, self._locks = handover, locks
        self._prepare_to_end(handover.leaf)

    def _prepare_to_end(self, leaf: str | None) -> None:
        """Open all that the end takes, as long as no agent can keep it from us."""
        if self._last_resort is None:
            from .ending.last_resort import LastResort

            self._last_resort = LastResort()
        self._last_resort.aim_at(leaf)

    def _let_go(self) -> None:
        """Forget the run: its supervisor hands it over anew, or has given it back proven empty."""
        for fd in self._locks:
            os.close(fd)
        self._handover, self._locks = None, ()

    def _keep_settings(self, settings: list[Any] | None, undoing: int | None = None) -> None:
        """Take care of the caller's terminal while it is raw; None: it no longer is.

        :param undoing: memory in which the supervisor keeps what switches the agent's modes off.

        Raw or not, its group may be sent SIGTSTP from outside, and must not be stopped
        before the supervisor has put the terminal back.
        """
        # What gives it back is loaded while no agent can keep it from us.
        from ..kernel.process import terminal

        _ = terminal

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
        take_back_own_limits()
        self._give_terminal_back()
        # Before the run is read: from here on it is nobody's to be spared.
        self._children.end_sidecar()
        status = self._finish()
        self._children.release_monitor()
        return status

    def _give_terminal_back(self) -> None:
        if self._settings is None:
            return
        from ..kernel.process.terminal import read_undoing, restore_settings, show

        if self._undoing is not None:
            show(1, read_undoing(self._undoing))
        restore_settings(0, self._settings)

    def _finish(self) -> int:
        if self._status is not None:
            self._children.outlive_supervisor()
            return self._status
        self._children.outlive_supervisor()
        self._finish_lost()
        return 125

    def _finish_lost(self) -> None:
        handover = self._handover
        if handover is None:
            # Not claimed yet: what the planning started is all there can be.
            end(self._children.below_us(), grace=LOST_GRACE, patience=LOST_PATIENCE)
            return
        left = finish_lost_run(handover, self._children.processes_of(handover), self._locks)
        rest = f"; {len(left)} processes are left" if left else "; nothing it started is left"
        _say(f"the supervisor of run {handover.run_id} died{rest}{_where(handover)}")

    def _end_at_any_rate(self, error: Exception) -> int:
        """Kill the run without opening or loading anything, and say what kept us from more."""
        handover, resort = self._handover, self._last_resort
        if handover is None or resort is None:
            raise error
        from .own_failure import end_at_any_rate, finish_at_any_rate

        with contextlib.suppress(Exception):
            self._give_terminal_back()
        self._channel.close()
        children = self._children
        empty = end_at_any_rate(resort, children.supervisor)
        children.note_supervisor_gone()
        rest = "nothing it started is left" if empty else "some of what it started may be left"
        _say(f"the guardian of run {handover.run_id} failed ({error}); {rest}{_where(handover)}")
        if not children.is_hosted:
            finish_at_any_rate(handover, self._locks, children)
        return 125


def _where(handover: RunHandover) -> str:
    return f"; see {handover.record}" if os.path.exists(handover.record) else ""


def _say(line: str) -> None:
    # The terminal may have died first.
    with contextlib.suppress(OSError):
        os.write(2, f"codexlab-run: {line}\n".encode(errors="surrogateescape"))
