"""The caller's terminal, while the agent has one of its own (``--tty``).

Invariant: the terminal is raw only if the guardian has its earlier settings. So either half of the
run can restore it, and does when the other dies. Its foreground group is never changed, so it never
has to be restored. The supervisor joins the guardian's group, which is the job that a shell knows.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress

import anyio

from ...guardian.protocol import ForgetTerminal, KeepTerminal, ReportSignal, StopJob
from ...kernel.containment.membership import RunProcesses, signal_members
from ...kernel.containment.stopping import stop_members
from ...kernel.process.identity import ProcessIdentity, read_stat
from ...kernel.process.terminal import (
    apply_settings,
    can_be_resumed,
    copy_size,
    is_foreground,
    make_raw,
    note_undoing,
    read_settings,
    restore_settings,
)
from ..callbacks import Tell
from ..errors import GuardianLost, TerminalUnusable
from ..guardian_client.link import GuardianLink

INPUT, OUTPUT = 0, 1

# In the guardian's group these reach us too; it reports each of them, and once.
_REPORTED = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGTSTP,
)
# A touch of the terminal from the background must be refused, not stopped. If the guardian dies
# while a shell has the foreground, nobody would continue us.
_REFUSED = (signal.SIGTTIN, signal.SIGTTOU)


class UserTerminal:
    """The terminal on our stdin: raw while an agent runs, as it was at any other time.

    :param guardian: pid of the leader of our job, or of a member of its group.
    :param tell: takes one line for the person at it.
    """

    def __init__(self, link: GuardianLink, guardian: int, tell: Tell) -> None:
        self._link = link
        self._guardian = guardian
        self._tell = tell
        self._settings: list[object] | None = None
        self._held_back: list[str] = []
        self._undoing = os.memfd_create("codexlab-modes")
        self.continued = anyio.Event()

    def tell(self, line: str) -> None:
        """Print one line, or keep it until the agent no longer has the screen."""
        if self._settings is None:
            self._tell(line)
        else:
            self._held_back.append(line)

    def join_job(self) -> None:
        """Become part of the guardian's job, which alone may read the terminal.

        :raises GuardianLost: the guardian is gone.
        """
        for signum in _REPORTED:
            signal.signal(signum, _leave_to_guardian)
        for signum in _REFUSED:
            signal.signal(signum, signal.SIG_IGN)
        # Our parent may have blocked it, and a mask outlives fork and exec.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGWINCH])
        try:
            os.setpgid(0, os.getpgid(self._guardian))
        except OSError:
            raise GuardianLost from None

    def enter(self) -> None:
        """Make it raw; started in the background, stop the job until it is continued.

        :raises TerminalUnusable: nobody could continue it.
        """
        while not is_foreground(INPUT):
            if not self._stop_job():
                raise TerminalUnusable(
                    "stdin", "belongs to another job, and nobody could resume us"
                )
        settings = read_settings(INPUT)
        *flags, characters = settings
        self._link.tell(KeepTerminal(tuple(flags), tuple(characters)), [self._undoing])
        self._settings = settings
        apply_settings(INPUT, make_raw(settings))

    def open_pair(self) -> tuple[int, int]:
        """Return a new terminal like the caller's before it was raw; our end comes first."""
        ours, theirs = os.openpty()
        if self._settings is not None:
            apply_settings(theirs, self._settings)
        with suppress(OSError):
            copy_size(INPUT, ours)
        os.set_blocking(ours, False)
        return ours, theirs

    def leave(self) -> None:
        """Put it back as it was, and print what was held back; does nothing twice."""
        if self._settings is None:
            return
        restore_settings(INPUT, self._settings)
        self._settings = None
        # Lost, or its channel closed: then it has put the terminal back itself.
        with suppress(GuardianLost, OSError):
            self._link.tell(ForgetTerminal())
        while self._held_back:
            self._tell(self._held_back.pop(0))

    def note_modes(self, undoing: bytes) -> None:
        """Have the guardian know what switches the agent's modes off, should we be killed."""
        note_undoing(self._undoing, undoing)

    def quit_job(self) -> None:
        """Put it back and have a group of our own again: the rest is no longer the agent's."""
        self.leave()
        with suppress(OSError):
            os.setpgid(0, 0)

    def refresh(self) -> None:
        """Go on after others continued the job, be it that they had stopped it by SIGSTOP."""
        if self._settings is not None and is_foreground(INPUT):
            with suppress(OSError):
                apply_settings(INPUT, make_raw(self._settings))
        self._note_continued()

    def _note_continued(self) -> None:
        self.continued.set()
        self.continued = anyio.Event()

    def suspend(self) -> bool:
        """Stop the job, as Ctrl-Z stops any other; return when it has been continued.

        :returns: False where nobody could continue it; then nothing was done.
        """
        if not can_be_resumed(self._guardian):
            return False
        self.leave()
        # Impossible only if terminal or guardian are gone, which others find out.
        with suppress(TerminalUnusable, GuardianLost, OSError):
            self._stop_job()
            self.enter()
        return True

    def heed_stops(self) -> None:
        """Hear of Ctrl-Z before the terminal is first lent: it would stop the guardian alone.

        :raises GuardianLost: it is gone.
        """
        self._link.tell(ForgetTerminal())

    def pause(self, processes: RunProcesses) -> None:
        """Stop the job, and with it what it runs that is not at the terminal, until both go on.

        Where nobody could continue it nothing is done.
        """
        if not can_be_resumed(self._guardian):
            return
        stop_members(processes)
        # Gone: whoever hears of it ends what was stopped.
        with suppress(GuardianLost, OSError):
            self._stop_job()
        signal_members(processes, signal.SIGCONT)

    def follow(self, agent: ProcessIdentity, signum: int) -> None:
        """Stop with an agent that has stopped, and continue it when we are continued.

        Where nobody could continue us, it goes on at once: so it does at a terminal
        that has no shell behind it. Only SIGSTOP, which no terminal sends, holds.
        """
        if self.suspend() or signum != signal.SIGSTOP:
            stat = read_stat(agent.pid)
            if stat is not None and stat.start_time == agent.start_time:
                with suppress(OSError):
                    os.killpg(stat.group, signal.SIGCONT)

    def hang_up(self) -> None:
        """Do what the kernel does for a shell's job when the terminal is gone.

        By way of the guardian, which counts this and the kernel's own SIGHUP once.

        :raises GuardianLost: it is gone.
        """
        self._link.tell(ReportSignal(signal.SIGHUP))

    def _stop_job(self) -> bool:
        """Have the guardian stop the job, and us with it; return when both go on.

        It alone can tell the SIGCONT that continued us from a later SIGCONT, and keeps the former
        to itself. Passed on to the agent, it would undo a Ctrl-Z typed since.

        :returns: False where nobody could continue it; then nothing was done.
        :raises GuardianLost: it is gone.
        """
        if os.getppid() != self._guardian or not can_be_resumed(self._guardian):
            return False
        read, write = os.pipe()
        with open(read, "rb", buffering=0) as stopped:
            try:
                self._link.tell(StopJob(), [write])
            finally:
                os.close(write)
            # It hangs up when it has been continued, or dies.
            stopped.read()
        self._note_continued()
        return True


def _leave_to_guardian(_signum: int, _frame: object) -> None:
    """Do nothing; a handler, and not SIG_IGN, which programs we run would inherit."""
