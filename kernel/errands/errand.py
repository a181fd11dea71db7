"""Errands: the programs that a launch runs itself and waits for, such as git.

Invariant: whoever waits for an errand, or pauses here, stops waiting as soon as the end is
wanted. Before that wait is left, the errand, its group and its descendants have been killed.
Where a run sends on errands, each errand carries the run's tag in its environment. So whoever
claims the workspace next finds what outlived both halves of the run.

Who wants the end, and whose errands these are, is known by context and not by argument. The
thread that reads a repository is far from the task that hears the signal. A command outside of
a run is ended by an exception in its main thread, and its errand with it.
"""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar

from ..process.identity import ProcessIdentity
from ..process.procfs import descendants, send_signal
from ..values import frozen
from .end_wanted import EndWanted, check_end, pause, poll, wanted_fd
from .handlers_aside import HandlersAside

# git removes its locks when it is told to end; whoever does not listen loses them.
_TERM_SECONDS = 0.5
# A process in the middle of a system call that nothing interrupts is left to the run's reading.
_KILL_SECONDS = 5.0
_TELL_AFTER = 4.0
# A program that has not ended is looked at: soon, then ever more seldom, and again at once
# where it seemed to wait in vain.
_FIRST_LOOK, _AGAIN, _LONGEST_PAUSE = 0.2, 0.1, 2.0
# An engine may signal every process of a tree, the youngest first.
_SIGNALLED_SECONDS = 0.3
_ENDING = frozenset({signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM})
MOST_OUTPUT = 256 << 20
"""Bytes that a program may write, so that no tree of an agent's making fills our memory."""
_PIECE, _PIECES = 1 << 16, 64  # more than a pipe holds


@frozen
class Errands:
    """Whose errands are run.

    :param tag: variables that every errand is started with.
    :param starting: called before each.
    :param tell: takes one line for a person, once a wait has become long.
    """

    tag: Mapping[str, str]
    starting: Callable[[], object]
    tell: Callable[[str], object]


@frozen
class ErrandResult:
    """How an errand ended: its wait status as ``Popen.returncode`` says it, and what it wrote."""

    status: int
    stdout: bytes
    stderr: bytes


class WaitsInVain(Exception):
    """An errand waited for what nobody will give it, and has been ended; says what that is."""


_errands: ContextVar[Errands | None] = ContextVar("errands", default=None)


@contextmanager
def errands_of(errands: Errands) -> Generator[None]:
    """Say for a block, and for its threads, whose errands are run there."""
    token = _errands.set(errands)
    try:
        yield
    finally:
        _errands.reset(token)


class LongWait:
    """Knows when a wait has become so long that a person is told, once."""

    def __init__(self) -> None:
        self.due = time.monotonic() + _TELL_AFTER

    def is_due(self) -> bool:
        """Tell whether it is time to tell; once only."""
        if time.monotonic() < self.due:
            return False
        self.due = float("inf")
        return True

    def tell_if_due(self, what: str) -> None:
        """Tell, when it is time, whoever runs errands here.

        :param what: what is waited for.
        """
        if self.is_due() and (errands := _errands.get()) is not None:
            errands.tell(f"still waiting for {what}; an interrupt ends it")


class _Looks:
    """Look at an errand that takes its time, and believe what is seen twice."""

    def __init__(self, look: Callable[[int], str | None] | None) -> None:
        self._look = look
        self._pause: float = _FIRST_LOOK
        self._seen: str = ""
        self.due = float("inf") if look is None else time.monotonic() + self._pause

    def check(self, pid: int) -> None:
        """Look, where it is time for it.

        :raises WaitsInVain: it waits in vain.
        """
        if self._look is None or time.monotonic() < self.due:
            return
        seen = self._look(pid)
        if seen and seen == self._seen:
            raise WaitsInVain(seen)
        self._seen, self._pause = seen or "", min(2 * self._pause, _LONGEST_PAUSE)
        self.due = time.monotonic() + (_AGAIN if seen else self._pause)


def run_errand(
    argv: Sequence[str],
    environment: Mapping[str, str],
    *,
    timeout: float,
    what: str,
    pass_fds: Sequence[int] = (),
    cwd: str | None = None,
    look: Callable[[int], str | None] | None = None,
    stdin: int = subprocess.DEVNULL,
) -> ErrandResult:
    """Run a program without a terminal, and wait for it.

    What it leaves in the background is not waited for, even where that holds its output.

    :param timeout: seconds until it is ended, with its group and its descendants.
    :param what: what a person is told is waited for.
    :param look: called now and then with its pid; says for what it waits in vain, or None.
    :param stdin: descriptor it reads from; by default there is nothing to read.
    :raises EndWanted: the end is wanted; it has been ended.
    :raises WaitsInVain: two looks in turn said the same; it has been ended.
    :raises TimeoutError: the time was over; it has been ended.
    :raises OSError: it cannot be started, or writes more than `MOST_OUTPUT`; it has been ended.
    """
    check_end()
    errands = _errands.get()
    if errands is not None:
        errands.starting()
        environment = {**environment, **errands.tag}
    handlers = HandlersAside() if errands is None else None
    try:
        process = subprocess.Popen(
            argv,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=cwd,
            pass_fds=pass_fds,
            # Without a terminal ssh cannot stop to ask for a password.
            start_new_session=True,
        )
        pidfd = _hold(process)
    except BaseException:
        if handlers is not None:
            handlers.put_back()
        raise
    try:
        if handlers is not None:
            handlers.put_back()
        stdout, stderr = _attend(process, pidfd, time.monotonic() + timeout, what, _Looks(look))
    except BaseException:
        _end(process, pidfd)
        raise
    finally:
        os.close(pidfd)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
    status = process.wait()
    if -status in _ENDING:
        # Whoever told it to end may be telling us.
        pause(_SIGNALLED_SECONDS)
    return ErrandResult(status, stdout, stderr)


def _hold(process: subprocess.Popen[bytes]) -> int:
    """Return a descriptor of a program just started, which has no future without one."""
    try:
        return os.pidfd_open(process.pid)
    except OSError:
        process.kill()
        process.communicate()
        raise


def _attend(
    process: subprocess.Popen[bytes], pidfd: int, deadline: float, what: str, looks: _Looks
) -> tuple[bytes, bytes]:
    """Read what it writes until it has ended."""
    assert process.stdout is not None
    assert process.stderr is not None
    outputs = {stream.fileno(): bytearray() for stream in (process.stdout, process.stderr)}
    for fd in outputs:
        os.set_blocking(fd, False)
    wanted, unfinished, long = wanted_fd(), set(outputs), LongWait()
    while True:
        fds = [pidfd, *unfinished, *(() if wanted is None else (wanted,))]
        ready = poll(fds, min(deadline, long.due, looks.due) - time.monotonic())
        if wanted in ready:
            raise EndWanted
        unfinished.difference_update(fd for fd in unfinished & ready if _drain(fd, outputs[fd]))
        if pidfd in ready:
            # It has ended, and what it wrote is in the pipes.
            for fd in unfinished:
                _drain(fd, outputs[fd])
            stdout, stderr = map(bytes, outputs.values())
            return stdout, stderr
        if time.monotonic() >= deadline:
            raise TimeoutError
        looks.check(process.pid)
        long.tell_if_due(what)


def _drain(fd: int, taken: bytearray) -> bool:
    """Take what is there; return whether nobody will write any more."""
    with suppress(BlockingIOError):
        # Who writes as fast as we read must not keep us from looking at the time.
        for _ in range(_PIECES):
            piece = os.read(fd, _PIECE)
            if not piece:
                return True
            taken += piece
    if len(taken) > MOST_OUTPUT:
        raise OSError(errno.EFBIG, f"it writes more than {MOST_OUTPUT >> 20} MiB")
    return False


def _end(process: subprocess.Popen[bytes], pidfd: int) -> None:
    """End it, its group, and its descendants elsewhere; nobody waits for who does not listen."""
    told = _tell(process, signal.SIGTERM)
    poll([pidfd], _TERM_SECONDS)
    for each in {*told, *_tell(process, signal.SIGKILL)}:
        send_signal(each, signal.SIGKILL)
    if poll([pidfd], _KILL_SECONDS):
        process.wait()


def _tell(process: subprocess.Popen[bytes], signum: int) -> tuple[ProcessIdentity, ...]:
    # Not reaped yet, so that its number still names its group, even when it has ended.
    below = descendants(process.pid)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signum)
    for each in below:
        send_signal(each, signum)
    return below
