"""Errors of a launch, by who must act.

::

    CallerError
    ├── BadHook               -> 125
    ├── ResumeImpossible      -> 125
    ├── NetworkUnruly         -> 125
    ├── NetworkOverruled      -> 125
    ├── RemovalStopped        -> 128+n, a signal came during the hook before a removal
    ├── CommandNotFound       -> 127
    ├── CommandNotExecutable  -> 126
    ├── CommandTooLong        -> 126
    ├── TerminalContradicted  -> 125
    ├── SignalRefused         embedded only: raised where it was asked for
    ├── Cancelled             -> 128+n, a signal came while no agent ran
    └── TimeOver              -> 124, the time limit was reached while no agent ran
    OperatorError
    ├── PlaceUnusable         -> 125
    ├── ArtifactsRequired     -> 125
    ├── HookFailed            -> 125
    ├── RemovalUnattended     -> 125
    ├── SurvivorsLeft         -> 125
    └── TerminalUnusable      -> 125
    BusyError
    └── HeldByCaller          -> 75
    Exception
    └── GuardianLost          the other half of this run died; ends it, never shown
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

from ..kernel.errors import BusyError, CallerError, CodexlabError, OperatorError
from ..kernel.exhausted import NoMore, is_no_more
from .lifecycle.exit import EXIT_LIMIT, EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND, Reason


class GuardianLost(Exception):
    """The guardian died while the supervisor lives."""


class CommandNotFound(CallerError):
    """There is no such command."""

    exit_status = EXIT_NOT_FOUND

    def __init__(self, command: str, where: str, remedy: str | None = None) -> None:
        self.command = command
        self.where = where
        remedy = remedy or "check the name and PATH"
        super().__init__(f"command not found: {command!r} ({where}); {remedy}")


class CommandNotExecutable(CallerError):
    """The command exists and cannot be executed."""

    exit_status = EXIT_NOT_EXECUTABLE

    def __init__(self, command: str, errno: int) -> None:
        self.command = command
        self.errno = errno
        super().__init__(
            f"command not executable: {command!r}: {os.strerror(errno)};"
            " expected a program or a script with a '#!' line and its execute bit set"
        )


class CommandTooLong(CallerError):
    """An argument, a variable, or all of them together are larger than the kernel allows."""

    exit_status = EXIT_NOT_EXECUTABLE

    def __init__(self, what: str, size: int, limit: int) -> None:
        self.what = what
        self.size = size
        self.limit = limit
        super().__init__(
            f"{what}: {size} bytes, and the kernel passes at most {limit} to a program;"
            " put the text into a file for the agent (--context FILE)"
        )


class Cancelled(CallerError):
    """A signal asked for the end while no agent ran.

    :param hook: what ran at that moment, or None where nothing did.
    :param when: the moment, where the agent had run before.
    """

    def __init__(self, signum: int, hook: str | None = None, when: str | None = None) -> None:
        self.signum = signum
        self.hook = hook
        self.exit_status = 128 + signum
        name = signal.Signals(signum).name
        done = "nothing was run" if hook is None else f"hook {hook} was ended"
        moment = when and f"{when}; the agent was not started again"
        super().__init__(f"cancelled by {name} {moment or f'before the agent was started; {done}'}")


class HeldByCaller(BusyError):
    """The run that holds the workspace waits for this launch, which was started from within it."""

    def __init__(self, path: Path, run_id: str) -> None:
        self.path, self.run_id = path, run_id
        super().__init__(
            f"{path}: busy, held by run {run_id}, which waits for this command, so that waiting"
            " would not end; choose another issue or directory"
        )


class TimeOver(CallerError):
    """The time limit was reached while no agent ran.

    :param moment: when that was, and what it means.
    """

    exit_status = EXIT_LIMIT

    def __init__(
        self, seconds: float, moment: str = "between two attempts; no other attempt was started"
    ) -> None:
        self.seconds = seconds
        super().__init__(f"--timeout of {seconds:g} s was over {moment}")


class PlaceUnusable(OperatorError):
    """A directory or file of ours cannot be used."""

    def __init__(self, what: str, path: str, problem: str, remedy: str) -> None:
        self.what = what
        self.path = path
        super().__init__(f"{what} {path}: {problem}; {remedy}")


class ResumeImpossible(CallerError):
    """The command should continue a thread, and its agent is unknown.

    :param agent: as the caller named it; None where the command's name decides.
    """

    def __init__(self, command: str, agent: str | None) -> None:
        self.command = command
        self.agent = agent
        problem = (
            f"{command!r} is not known as an agent; say which it is (--agent codex or claude),"
            if agent is None
            else f"codexlab knows no sessions of agent {str(agent)!r};"
            " expected --agent codex or claude,"
        )
        super().__init__(f"{{resume}} cannot be replaced: {problem} or leave it out")


class NetworkUnruly(CallerError):
    """The network should be closed, and we have no way to tell this agent.

    :param tellable: the agents that can be told.
    """

    def __init__(self, asked: str, agent: str, tellable: Sequence[str]) -> None:
        self.agent = agent
        super().__init__(
            f"--network {asked}: codexlab cannot close the network of agent {str(agent)!r};"
            f" expected --agent {' or '.join(tellable)}; leave it out, and let the agent's own"
            " settings close it"
        )


class NetworkOverruled(CallerError):
    """The network should be closed, and codex lets a file of the project decide otherwise."""

    def __init__(self, asked: str, why: str) -> None:
        super().__init__(
            f"--network {asked}: {why}; give the command -s workspace-write -c"
            " sandbox_workspace_write.network_access=false, which stands above it"
        )


class TerminalContradicted(CallerError):
    """A setting does not go with a terminal."""

    def __init__(self, flag: str, why: str) -> None:
        self.flag = flag
        super().__init__(f"{flag} does not go with --tty: {why}; leave one of them out")


class SignalRefused(CallerError, ValueError):
    """A signal should be sent to a run, and codexlab-run does not forward it."""

    def __init__(self, signum: int, forwarded: Sequence[signal.Signals]) -> None:
        self.signum = signum
        names = ", ".join(each.name for each in forwarded)
        super().__init__(f"signal {int(signum)} is not passed on to a run; expected one of {names}")


class SurvivorsLeft(OperatorError):
    """Processes of an earlier run of this workspace cannot be ended."""

    def __init__(self, run_id: str, pids: tuple[int, ...]) -> None:
        self.run_id = run_id
        self.pids = pids
        listed = ", ".join(map(str, pids))
        super().__init__(
            f"processes of the earlier run {run_id} cannot be ended (pids {listed});"
            " end them before this issue is worked on again"
        )


class RunAlive(SurvivorsLeft):
    """The run that a free workspace names is alive, and holds the lock of another workspace."""

    def __init__(self, run_id: str, pid: int, owner: str) -> None:
        super().__init__(run_id, (pid,))
        message = (
            f"{owner} names run {run_id}, which is alive (pid {pid}) without holding this"
            " workspace. Either the workspace was copied while in use, or an agent wrote that:"
            " delete the file, or use the original"
        )
        self.args = (message,)


class HookFailed(OperatorError):
    """The agent is not started because of what a hook did.

    :param problem: what the hook did, as one clause that names the hook and its log.
    """

    def __init__(self, name: str, problem: str) -> None:
        self.name = name
        super().__init__(f"{problem}; the agent was not started")


class RemovalStopped(CallerError):
    """A signal came while the hook before a removal ran; nothing was deleted."""

    def __init__(self, root: str, signum: int) -> None:
        self.root = root
        self.signum = signum
        self.exit_status = 128 + signum
        name = signal.Signals(signum).name
        super().__init__(
            f"cancelled by {name} during hook before_remove; nothing of {root} was deleted"
        )


class RemovalUnattended(OperatorError):
    """The hook before a removal could not be watched to its end, or left processes."""

    def __init__(self, root: str, problem: str) -> None:
        self.root = root
        super().__init__(f"{root}: {problem}; nothing was deleted")


class BadHook(CallerError):
    """A request names an unknown hook, or gives no command for it."""

    def __init__(self, name: str, expected: str) -> None:
        self.name = name
        super().__init__(f"hook {name!r}: expected {expected}")


class TerminalUnusable(OperatorError):
    """The agent should have a terminal, and ours cannot be lent to it.

    :param stream: stdin or stdout.
    """

    def __init__(self, stream: str, problem: str) -> None:
        self.stream = stream
        super().__init__(
            f"--tty: {stream} {problem}; expected the foreground of a terminal on stdin and stdout"
        )


class ArtifactsRequired(OperatorError):
    """The artifact root cannot be used and the caller will not do without."""

    def __init__(self, reason: str | None) -> None:
        self.reason = reason
        problem = reason or "CODEX_LAB_DEVELOPER_ARTIFACTS_ROOT is not set"
        super().__init__(f"--require-artifacts: {problem}; mend it, or launch without this")


def refusal(
    error: CodexlabError | OSError, where: str, origins: Mapping[str, str]
) -> CodexlabError:
    """Return the error that a launch reports: the same, or one line on what the kernel refused.

    :param where: what was being made, for an error that names no file.
    :param origins: those of the request.
    """
    if isinstance(error, CodexlabError):
        return blame_origins(error, origins)
    if is_no_more(error):
        return NoMore("the launch cannot go on", cast("int", error.errno))
    place = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else where
    return PlaceUnusable(
        "the workspace", place, error.strerror or "unusable", "make room or mend it"
    )


def blame_origins(error: CodexlabError, origins: Mapping[str, str]) -> CodexlabError:
    """Let an error that blames a flag name the variable or file that set the value.

    :returns: the same error.
    """
    if not origins:
        return error
    from .settings.origins import name_origins

    return error.reworded(name_origins(str(error), origins))


def only_refusals(group: ExceptionGroup) -> CodexlabError | OSError | None:
    """Return the first error of tasks that met nothing but refusals; None for any other fault."""
    leaves = list(_leaves(group))
    refusals = [error for error in leaves if isinstance(error, CodexlabError | OSError)]
    return refusals[0] if len(refusals) == len(leaves) else None


def _leaves(error: Exception) -> Iterator[Exception]:
    if not isinstance(error, ExceptionGroup):
        yield error
        return
    for inner in cast("ExceptionGroup[Exception]", error).exceptions:
        yield from _leaves(inner)


def reason_of(error: CodexlabError) -> Reason:
    """Return the record's reason for a run that ended without an agent running."""
    if isinstance(error, Cancelled):
        return Reason.CANCELLED
    if isinstance(error, TimeOver):
        return Reason.TIMEOUT
    return Reason.BUSY if isinstance(error, BusyError) else Reason.LAUNCH_FAILED
