"""Who commits: the user, as their own configuration and environment say."""

from __future__ import annotations

import os

from ...kernel.errands.git_environment import Reach
from ..errors import GitFailed
from ..git.command import ask_git
from ..git.view import GitView
from .refusal import WorkRefused

_NAMES = tuple(f"GIT_{who}_{what}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL"))
_ONLY = {"user.useConfigOnly": "true"}


def users_identity(view: GitView) -> dict[str, str]:
    """Return the variables that say who commits beside the user's configuration.

    :raises WorkRefused: nobody is named.
    """
    given = {name: os.environ[name] for name in (*_NAMES, "EMAIL") if os.environ.get(name)}
    for who in ("AUTHOR", "COMMITTER"):
        answer = ask_git(view, "var", f"GIT_{who}_IDENT", extra=given, settings=_ONLY)
        if answer.status != 0:
            reason = "your git does not know who you are; run 'git config --global user.name NAME'"
            raise WorkRefused("commit", f"{reason} and 'git config --global user.email ADDRESS'")
    return given


def make_commit(
    view: GitView, tree: str, parents: tuple[str, ...], message: str, identity: dict[str, str]
) -> str:
    """Store a commit, signed where the user's own configuration asks for that.

    :raises GitFailed: it cannot be stored or signed.
    """
    asked = ask_git(view, "config", "--type=bool", "--get", "commit.gpgSign")
    sign = ("-S",) if asked.stdout.strip() == b"true" else ()
    named = [word for parent in parents for word in ("-p", parent)]
    data = message.encode(errors="replace")
    words = ("commit-tree", *sign, *named, tree)
    answer = ask_git(view, *words, extra=identity, settings=_ONLY, reach=Reach.CHECKOUT, stdin=data)
    if answer.status != 0:
        raise GitFailed("commit-tree", view, answer.detail)
    return answer.stdout.decode().strip()
