"""Run git so that no file an agent wrote chooses a program, a server or a repository.

- The environment is an allow list, and our settings outrank every file (`git_environment`). - A
command that only looks reaches no server: no fetch, no promisor, no protocol at all. - A git
directory is named, never discovered, where there is no checkout around it. - No prompt, no
pager, no hooks, no background maintenance. - Every call is bounded, and ends at once when the
end of the launch is wanted. Its group and its descendants are killed then, and when the time is
over. So it is as soon as git is seen to wait for a fifo, wherever that lies. - Errors are one
line, without credentials and control characters.

What looks into a workdir does so through `git.view`, which hears no configuration of the
repository. ``docs/security.md`` lists every call.
"""

from __future__ import annotations

import errno
import os
import re
import subprocess
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from ...kernel.errands.errand import WaitsInVain, run_errand
from ...kernel.errands.git_environment import Reach, git_environment
from ...kernel.files.home_owner import git_as_home_owner
from ...kernel.values import frozen
from ..errors import GitFailed
from .view import GitView, view_at

_NOTHING: Mapping[str, str] = {}
# Seconds for a look at a checkout. An agent can make git wait for ever (a fifo as its index).
LOOK_SECONDS = 10.0
# The moment (monotonic) until which git may be asked in this context, and no longer.
_deadline: ContextVar[float | None] = ContextVar("git_deadline", default=None)
_CREDENTIALS = r"(?<=://)[^/\s]+@"
# git's own word on a filter that went away depends on when it noticed.
_COMPLAINT = r"(?!(?:fatal|error|warning|hint|remote): ).*(?:not found|[Ee]rror)"
_CONTROL = r"[\x00-\x1f\x7f]+"


@frozen
class GitAnswer:
    """The answer of git."""

    status: int
    stdout: bytes
    detail: str


def one_line(text: str) -> str:
    """Return the line of git's stderr that says why, without credentials.

    What another program such as LFS or a shell complained of comes before git's own word.
    """
    lines = [re.sub(_CONTROL, " ", line).strip() for line in text.splitlines()]
    lines = [line for line in lines if line]
    reasons = [line for line in lines if line.startswith(("fatal:", "error:"))]
    causes = [line for line in lines if re.match(_COMPLAINT, line)]
    chosen = (causes or reasons or lines or ["no reason given"])[0]
    return without_credentials(chosen)[:500]


def without_credentials(text: str) -> str:
    """Replace the user part of every URL in ``text``."""
    return re.sub(_CREDENTIALS, "***@", text) if "@" in text else text


@contextmanager
def answers_within(seconds: float) -> Generator[None]:
    """Give all git that is asked in a block one time together; what is asked later fails at once.

    :param seconds: until git is asked no more.
    """
    token = _deadline.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


def ask_git(
    where: Path | GitView | None,
    *arguments: str,
    timeout: float = 60.0,
    pass_fds: Sequence[int] = (),
    extra: Mapping[str, str] = _NOTHING,
    settings: Mapping[str, str] = _NOTHING,
    reach: Reach = Reach.NOTHING,
    lines: Iterable[str] = (),
    stdin: bytes = b"",
) -> GitAnswer:
    """Run git and return its answer whatever its status.

    :param where: directory git starts in, a git directory, or a view of a checkout.
    :param timeout: seconds until the whole group is killed.
    :param pass_fds: descriptors git keeps open, such as a lock that must outlive us.
    :param extra: variables for this call.
    :param settings: configuration for this call.
    :param reach: what the command may start and reach, see `git_environment`.
    :param lines: what it reads from its standard input.
    :param stdin: the same, as bytes.
    :raises GitFailed: git is missing, did not answer in time, or waits in vain.
    :raises EndWanted: the end of the launch is wanted; git has been ended.
    """
    place, environment = _surroundings(where, settings, reach)
    action = _action(arguments)
    deadline = _deadline.get()
    if deadline is not None and (timeout := min(timeout, deadline - time.monotonic())) <= 0:
        raise GitFailed(action, where, "no time was left to ask")
    try:
        with _readable(lines, stdin) as readable:
            done = run_errand(
                ["git", *place, *arguments],
                {**environment, **git_as_home_owner(), **extra},
                timeout=timeout,
                what=f"git {action}",
                pass_fds=pass_fds,
                look=_look,
                stdin=readable,
            )
    except FileNotFoundError:
        raise GitFailed(action, where, "git was not found on PATH") from None
    except WaitsInVain as reason:
        raise GitFailed(action, where, str(reason)) from None
    except TimeoutError:
        raise GitFailed(action, where, f"no answer within {timeout:.0f} s") from None
    except OSError as error:
        if error.errno != errno.EFBIG:
            raise
        raise GitFailed(action, where, str(error.strerror)) from None
    return GitAnswer(done.status, done.stdout, one_line(done.stderr.decode(errors="replace")))


def run_git(
    where: Path | GitView | None,
    *arguments: str,
    timeout: float = 60.0,
    pass_fds: Sequence[int] = (),
    extra: Mapping[str, str] = _NOTHING,
    settings: Mapping[str, str] = _NOTHING,
    reach: Reach = Reach.NOTHING,
) -> bytes:
    """Run git and return its stdout.

    :raises GitFailed: it ended with another status than 0.
    """
    answer = ask_git(
        where,
        *arguments,
        timeout=timeout,
        pass_fds=pass_fds,
        extra=extra,
        settings=settings,
        reach=reach,
    )
    if answer.status != 0:
        raise GitFailed(_action(arguments), where, answer.detail)
    return answer.stdout


@contextmanager
def _readable(lines: Iterable[str], given: bytes) -> Generator[int]:
    """Yield a descriptor from which lines are read: a list of arguments could be too long."""
    data = given or "".join(f"{line}\n" for line in lines).encode()
    if not data:
        yield subprocess.DEVNULL
        return
    with open(os.memfd_create("git", os.MFD_CLOEXEC), "w+b") as file:
        file.write(data)
        file.seek(0)
        yield file.fileno()


def _surroundings(
    where: Path | GitView | None, settings: Mapping[str, str], reach: Reach
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the options that say where, and the whole environment."""
    place: tuple[str, ...] = ()
    outside = where.top if isinstance(where, GitView) else None
    if isinstance(where, Path):
        outside = os.path.realpath(where)
        # Named: where safe.bareRepository says "explicit", git does not discover it.
        named = not os.path.lexists(where / ".git") and os.path.isdir(where / "objects")
        place = (f"--git-dir={where}",) if named else ("-C", str(where))
        if named and reach is Reach.NOTHING:
            where, place = view_at(where, where), ()
    view = where if isinstance(where, GitView) else None
    pairs = [*(view.settings if view is not None else ()), *settings.items()]
    found = git_environment(os.environ, reach=reach, settings=pairs, outside=outside)
    return place, found if view is None else {**found, **view.variables()}


def _look(pid: int) -> str | None:
    # A git that answers soon costs nothing of it.
    from ...kernel.errands.stuck_git import why_stuck

    return why_stuck(pid)


def _action(arguments: Sequence[str]) -> str:
    words = arguments[2:] if arguments[:1] == ("-C",) else arguments
    return " ".join(argument for argument in words[:2] if not argument.startswith("-"))
