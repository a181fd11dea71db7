"""Files that only a filter of the repository's own configuration could store.

Our git does not hear of such a filter, and would store the content as it lies there. That may be
the clear text of a secret, or a file of gigabytes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from ..errors import GitFailed
from ..git.command import ask_git
from ..git.config import settings_of
from ..git.view import GitView
from .refusal import WorkRefused

_FILTER = r'filter\."(.+)"\.(?:clean|smudge|process)'


def repositorys_filters(git_dir: Path, common_dir: Path) -> frozenset[str]:
    """Return the names of the filters that a repository's own configuration defines."""
    said = settings_of(os.fspath(git_dir), os.fspath(common_dir))
    found = (re.fullmatch(_FILTER, name) for name, _ in said)
    return frozenset(each[1] for each in found if each is not None)


def check_filters(
    view: GitView,
    filters: Collection[str],
    paths: Collection[bytes],
    variables: Mapping[str, str],
    way_out: str,
) -> None:
    """Refuse files for which attributes name such a filter, unless it is the user's own too.

    :param variables: what leads git to the list of files whose attributes count.
    :param way_out: what the user can do instead.
    :raises WorkRefused: there are such files.
    """
    theirs = {name for name in filters if not _is_users(view, name)}
    if not theirs or not paths:
        return
    for path, name in filtered_by(view, paths, variables):
        if name in theirs:
            reason = f"is stored by filter {name}, which only the repository's configuration names"
            raise WorkRefused(os.fsdecode(path), f"{reason}; {way_out}")


def filtered_by(
    view: GitView, paths: Collection[bytes], variables: Mapping[str, str]
) -> Iterator[tuple[bytes, str]]:
    """Yield each path with the name of the filter that attributes give it."""
    if not paths:
        return
    words = ("-C", view.top or ".", "check-attr", "-z", "--stdin", "filter")
    data = b"".join(path + b"\0" for path in paths)
    answer = ask_git(view, *words, extra=variables, stdin=data)
    if answer.status != 0:
        raise GitFailed("check-attr", view, answer.detail)
    fields = answer.stdout.split(b"\0")
    for path, value in zip(fields[::3], fields[2::3], strict=False):
        yield path, value.decode(errors="replace")


def _is_users(view: GitView, name: str) -> bool:
    keys = (f"filter.{name}.{what}" for what in ("clean", "process"))
    return any(ask_git(view, "config", "--get", key).status == 0 for key in keys)
