"""Start one program as the guardian's own child: fork, prepare, exec, or say which step failed."""

from __future__ import annotations

import fcntl
import os
import select
import signal
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from ...kernel.cgroup.leaf import join_leaf
from ...kernel.libc import set_parent_death_signal
from ...kernel.process.oom_score import go_first_when_memory_ends
from ...kernel.values import replace
from ..child_stops import ChildStops
from ..codec import decode_failure, encode
from ..protocol import AgentExited, SpawnFailed, SpawnSpec, SpawnStep

if TYPE_CHECKING:
    import resource


_LOOK_AGAIN_MS = 50


class SpawnError(Exception):
    """A step between fork and exec failed; nothing runs.

    :param step: the step that failed.
    :param errno: why.
    """

    def __init__(self, step: SpawnStep, errno: int) -> None:
        self.step: SpawnStep = step
        self.errno = errno
        super().__init__(f"{step}: {os.strerror(errno)}")


def prepare_to_spawn() -> None:
    """Load now what the first spawn, and the first exit, would load: somebody waits for both."""
    import resource  # wait4(2) returns a value of it

    from ...kernel.cgroup import clone_into

    del clone_into, resource


def spawn(spec: SpawnSpec, stdio: Sequence[int], restore: Sequence[int]) -> int:
    """Start the program in a session of its own and return its pid once exec succeeded.

    The child is killed when the *calling thread* ends. So the caller must live as long as the run,
    and fork on its main thread.

    :param stdio: descriptors that become 0, 1 and 2.
    :param restore: signals whose default disposition the program must find.
    :raises SpawnError: with the failing step; the child is reaped.
    """
    parent = os.getpid()
    with forking() as (report_read, report_write):
        pid, is_member = _fork(spec.leaf)
    if pid == 0:
        leaf = None if is_member else spec.leaf
        become(replace(spec, leaf=leaf), stdio, restore, parent, report_write, os.setsid)
    os.close(report_write)
    if failure := read_report(report_read, ChildStops(pid).look):
        os.waitpid(pid, 0)
        failed = decode_failure(failure)
        raise SpawnError(failed.step, failed.errno)
    return pid


def read_report(fd: int, look: Callable[[], object]) -> bytes:
    """Return what a child says before exec, or before its end; close the descriptor.

    A process of the run, such as the agent, may SIGSTOP the child that is being started.

    :param look: continues it, and kills it at last; called again and again meanwhile.
    """
    poll, said = select.poll(), b""
    poll.register(fd, select.POLLIN)
    with os.fdopen(fd, "rb", buffering=0) as report:
        while True:
            if not poll.poll(_LOOK_AGAIN_MS):
                look()
            elif piece := report.read(4096):
                said += piece
            else:
                return said


@contextmanager
def forking() -> Generator[tuple[int, int]]:
    """Lend a pipe for the child's report; leave nothing where it or the fork fails.

    :raises SpawnError: this process, its user or its group may have no more (setrlimit(2)).
    """
    try:
        report = os.pipe()
    except OSError as error:
        raise SpawnError(SpawnStep.FORK, error.errno or 0) from error
    try:
        yield report
    except OSError as error:
        for fd in report:
            os.close(fd)
        raise SpawnError(SpawnStep.FORK, error.errno or 0) from error


def _fork(leaf: str | None) -> tuple[int, bool]:
    """Fork; tell also whether the child was born in its leaf, or has to join it."""
    if leaf is not None:
        from ...kernel.cgroup.clone_into import fork_into

        with suppress(OSError):
            return fork_into(leaf), True
    return os.fork(), False


def become(
    spec: SpawnSpec,
    stdio: Sequence[int],
    restore: Sequence[int],
    parent: int,
    report: int,
    lead: Callable[[], object],
) -> None:
    """Turn the forked child into the program. Never returns.

    :param parent: who forked it, to be compared after the death signal is asked for.
    :param report: where a failing step is written to; closed by exec.
    :param lead: makes the child lead a session, or a group, of its own.
    """
    step = SpawnStep.SESSION
    try:
        lead()
        step = SpawnStep.CGROUP
        if spec.leaf is not None:
            join_leaf(spec.leaf)
        step = SpawnStep.PRIORITY
        if spec.nice:
            os.nice(spec.nice)
        go_first_when_memory_ends()
        step = SpawnStep.DEATH_SIGNAL
        set_parent_death_signal(signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(125)
        step = SpawnStep.STDIO
        _install_stdio(stdio)
        step = SpawnStep.CHDIR
        os.chdir(spec.cwd)
        if spec.below:
            _descend(spec.below)
        step = SpawnStep.SIGNALS
        for signum in restore:
            signal.signal(signum, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        step = SpawnStep.EXEC
        os.execve(spec.path, spec.argv, spec.environment)
    except BaseException as error:
        errno = getattr(error, "errno", None) or 0
        os.write(report, encode(SpawnFailed(step, errno)))
    finally:
        os._exit(127)


def _descend(below: str) -> None:
    """Go down name by name; a link on the way fails, for an agent may have put it there."""
    for name in below.split("/"):
        fd = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        os.fchdir(fd)
        os.close(fd)


def _install_stdio(stdio: Sequence[int]) -> None:
    # Duplicated above 2 first: one of them may itself be 0, 1 or 2.
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3) for fd in stdio]
    for target, fd in enumerate(high):
        os.dup2(fd, target, inheritable=True)


def describe_exit(pid: int, status: int, usage: resource.struct_rusage) -> AgentExited:
    """Return what wait4(2) told of the program, as the guardian's message."""
    return AgentExited(pid, status, usage.ru_utime, usage.ru_stime, usage.ru_maxrss)
