"""Open a pull request with the user's own ``gh``."""

from __future__ import annotations

import os

from ...kernel.errands.errand import run_errand
from ...kernel.errands.git_environment import Reach, git_environment
from ...kernel.errands.own_programs import find_own_program
from ..checkouts.scratch_dirs import scratch_directory
from ..git.command import one_line
from ..issue_work.refusal import WorkRefused
from .push import Pushed

_SECONDS = 120.0


def find_gh() -> str:
    """Return the path of ``gh``.

    :raises WorkRefused: there is none outside of what agents work in.
    """
    found = find_own_program("gh")
    if found is None:
        reason = "gh was not found on PATH, outside of all that agents work in"
        raise WorkRefused("--pr", f"{reason}; install it, or push without --pr")
    return found


def open_pull_request(gh: str, pushed: Pushed) -> str:
    """Open a pull request for a branch that was pushed; return what ``gh`` says of it.

    It runs in an empty directory of ours: it would ask the git of a checkout.

    :raises WorkRefused: ``gh`` refused, or its server is unknown.
    """
    repository = pushed.remote.repository()
    if repository is None:
        raise WorkRefused("--pr", f"{pushed.remote.shown} is no server that gh knows")
    words = [gh, "pr", "create", "--repo", repository, "--head", pushed.branch]
    words += ["--title", pushed.title, "--body", pushed.body]
    with scratch_directory() as scratch:
        environment = git_environment(os.environ, reach=Reach.REMOTE)
        own = {"GH_PROMPT_DISABLED": "1", "GIT_CEILING_DIRECTORIES": os.fspath(scratch.parent)}
        done = run_errand(
            words, environment | own, timeout=_SECONDS, what="gh pr create", cwd=str(scratch)
        )
    if done.status != 0:
        reason = one_line(done.stderr.decode(errors="replace"))
        raise WorkRefused("gh pr create", f"{reason}; the branch is pushed")
    return done.stdout.decode(errors="replace").strip()
