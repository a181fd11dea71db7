"""Run git so that nothing of the caller's surroundings leaks in or hangs.

- Variables that redirect git (``GIT_DIR`` and its kin) are dropped; those that say
  how to reach a remote stay.
- No prompt, no pager, no file-system monitor, no hooks, no background maintenance:
  the repository's configuration runs no program that the answer does not need.
- Every call is bounded, and ends at once when the end of the launch is wanted; its group
  and its descendants are killed then, and when the time is over.
- Errors are one line, without credentials and control characters.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..kernel import frozen, run_errand
from ._errors import GitFailed

_KEPT = re.compile(
    r"GIT_(SSH|SSL|HTTP|ASKPASS|CONFIG_(GLOBAL|SYSTEM|NOSYSTEM)|EXEC_PATH"
    r"|ALLOW_PROTOCOL|LFS_SKIP_SMUDGE|PROXY)"
)
_OPTIONS = (
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "gc.auto=0"),
    *("-c", "maintenance.auto=false"),
)
_SETTINGS = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
_NOTHING: Mapping[str, str] = {}
_CREDENTIALS = re.compile(r"(?<=://)[^/\s]+@")
# git's own word on a filter that went away depends on when it noticed.
_COMPLAINT = re.compile(r"(?!(?:fatal|error|warning|hint|remote): ).*(?:not found|[Ee]rror)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


@frozen
class GitAnswer:
    """What git said."""

    status: int
    stdout: bytes
    detail: str


def git_environment(parent: Mapping[str, str]) -> dict[str, str]:
    """Return the environment git runs in, given the caller's."""
    kept = {
        name: value
        for name, value in parent.items()
        if not name.startswith("GIT_") or _KEPT.match(name)
    }
    return {**kept, **_SETTINGS}


def one_line(text: str) -> str:
    """Return the line of git's stderr that says why, without credentials.

    What another program such as LFS or a shell complained of comes before git's own word.
    """
    lines = [_CONTROL.sub(" ", line).strip() for line in text.splitlines()]
    lines = [line for line in lines if line]
    reasons = [line for line in lines if line.startswith(("fatal:", "error:"))]
    causes = [line for line in lines if _COMPLAINT.match(line)]
    chosen = (causes or reasons or lines or ["no reason given"])[0]
    return without_credentials(chosen)[:500]


def without_credentials(text: str) -> str:
    """Replace the user part of every URL in ``text``."""
    return _CREDENTIALS.sub("***@", text)


def ask_git(
    where: Path | None,
    *arguments: str,
    timeout: float = 60.0,
    pass_fds: Sequence[int] = (),
    extra: Mapping[str, str] = _NOTHING,
) -> GitAnswer:
    """Run git and return its answer whatever its status.

    :param where: directory git starts in (``-C``).
    :param timeout: seconds until the whole group is killed.
    :param pass_fds: descriptors git keeps open, such as a lock that must outlive us.
    :param extra: variables for this call.
    :raises GitFailed: git is missing or did not answer in time.
    :raises EndWanted: the end of the launch is wanted; git has been ended.
    """
    place = ("-C", str(where)) if where is not None else ()
    action = _action(arguments)
    try:
        done = run_errand(
            ["git", *_OPTIONS, *place, *arguments],
            {**git_environment(os.environ), **extra},
            timeout=timeout,
            what=f"git {action}",
            pass_fds=pass_fds,
        )
    except FileNotFoundError:
        raise GitFailed(action, where, "git was not found on PATH") from None
    except TimeoutError:
        raise GitFailed(action, where, f"no answer within {timeout:.0f} s") from None
    return GitAnswer(done.status, done.stdout, one_line(done.stderr.decode(errors="replace")))


def run_git(
    where: Path | None,
    *arguments: str,
    timeout: float = 60.0,
    pass_fds: Sequence[int] = (),
    extra: Mapping[str, str] = _NOTHING,
) -> bytes:
    """Run git and return its stdout.

    :raises GitFailed: it ended with another status than 0.
    """
    answer = ask_git(where, *arguments, timeout=timeout, pass_fds=pass_fds, extra=extra)
    if answer.status != 0:
        raise GitFailed(_action(arguments), where, answer.detail)
    return answer.stdout


def _action(arguments: Sequence[str]) -> str:
    return " ".join(argument for argument in arguments[:2] if not argument.startswith("-"))
