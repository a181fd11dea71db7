"""The repository a directory belongs to, as far as routing needs to know it."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from ...kernel.errands.errand import WaitsInVain, run_errand
from ...kernel.errands.git_environment import git_environment
from ...kernel.errands.stuck_git import why_stuck
from ..cargo import repository_name

_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class Repository:
    """The facts about a repository that routing needs.

    :param top: the working tree around the current directory; may be a linked worktree.
    :param main: the main checkout, or the bare repository, that it belongs to.
    :param git_dir: the directory of this working tree's own git files.
    :param name: codex-lab's name for it.
    :param branch: None when no branch is checked out.
    """

    top: Path
    main: Path
    git_dir: Path
    name: str
    branch: str | None


def find_repository(directory: Path) -> Repository | None:
    """Return the repository around ``directory``, or None outside any (or without git)."""
    places: list[Path] = []
    for question in ("--show-toplevel", "--git-common-dir", "--git-dir"):
        # One question a call: a path may hold a line end, and rev-parse has no -z.
        answer = ask_git(directory, "rev-parse", "--path-format=absolute", question)
        if answer is None:
            return None
        places.append(Path(answer))
    top, common, git_dir = places
    main = common.parent if common.name == ".git" else common
    origin = ask_git(directory, "config", "--get", "remote.origin.url")
    branch = ask_git(directory, "symbolic-ref", "--short", "--quiet", "HEAD")
    return Repository(top, main, git_dir, repository_name(origin, str(main)), branch)


def worktree_key(repository: Repository) -> str:
    """Return codex-lab's default key of a worktree, so that both build in one place.

    It is ``<branch or directory name, sanitised>-<12 hex of SHA-256 of the path>``. It changes with
    the branch: that is codex-lab's rule.
    """
    label = repository.branch or repository.top.name
    slug = re.sub(r"-+", "-", re.sub(r"[^A-Za-z0-9._+-]", "-", label)).strip("-")
    slug = slug if slug not in ("", ".", "..") else "workspace"
    digest = hashlib.sha256(os.fsencode(repository.top)).hexdigest()[:12]
    return f"{slug}-{digest}"


def ask_git(directory: Path, *arguments: str) -> str | None:
    """Return git's output without its last line end, or None when git fails.

    Ask only questions that start no program: git works in ``directory``, and an agent may have
    written the configuration there. git gets only those variables of our environment that it needs.
    """
    environment = git_environment(os.environ, outside=str(_top_around(directory)))
    try:
        done = run_errand(
            ["git", "-C", str(directory), *arguments],
            environment,
            timeout=_TIMEOUT,
            what=f"git {arguments[0]}",
            look=why_stuck,
        )
    except (OSError, WaitsInVain):
        return None
    return os.fsdecode(done.stdout).removesuffix("\n") if done.status == 0 else None


def _top_around(directory: Path) -> Path:
    """Return the working tree around a directory, as far as its ``.git`` tells."""
    here = Path(os.path.realpath(directory))
    tops = (place for place in (here, *here.parents) if os.path.lexists(place / ".git"))
    return next(tops, here)
