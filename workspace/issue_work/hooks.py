"""The user's own hooks around a commit, where the user asks for them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ...kernel.errands.git_environment import Reach
from ...kernel.errands.own_programs import is_own
from ...kernel.values import frozen
from ..git.command import LOOK_SECONDS, ask_git
from .place import IssueWork
from .refusal import WorkRefused

_SECONDS = 600.0


@frozen
class Hooks:
    """A directory of hooks that no agent could have written in."""

    work: IssueWork
    place: str
    variables: Mapping[str, str]

    def run(self, name: str, *arguments: str) -> None:
        """Run one hook, if it is there.

        :raises WorkRefused: it ended with another status than 0.
        """
        words = ("-C", os.fspath(self.work.top), "hook", "run", "--ignore-missing", name)
        answer = ask_git(
            self.work.view,
            *(*words, "--", *arguments),
            extra=self.variables,
            settings={"core.hooksPath": self.place},
            reach=Reach.CHECKOUT,
            timeout=_SECONDS,
        )
        if answer.status != 0:
            reason = f"refused (status {answer.status}): {answer.detail}"
            raise WorkRefused(f"{self.place}/{name}", reason)


def users_hooks(work: IssueWork, variables: Mapping[str, str]) -> Hooks:
    """Return the hooks that the user's configuration names, else those of the repository.

    :raises WorkRefused: an agent could have written in that directory.
    """
    asked = ("config", "--global", "--type=path", "--get", "core.hooksPath")
    said = os.fsdecode(ask_git(None, *asked, timeout=LOOK_SECONDS).stdout).strip()
    place = Path(said) if said else work.common_dir / "hooks"
    if not is_own(os.fspath(place), os.fspath(work.top)):
        raise WorkRefused(place, "an agent could have written hooks there; commit without --hooks")
    return Hooks(work, os.fspath(place), variables)
