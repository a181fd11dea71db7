"""What lies where a repository that an agent made has a submodule: git passes it over."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from .changes import FoundCheckout
from .git_files import Unjudged, git_directories, head_commit, read_references

_GITLINK = b"160000"


def gitlinks(found: FoundCheckout) -> list[str]:
    """Say in a line what in a checkout's submodules is in no commit of it.

    What is in the repository of a submodule is judged where that is found.

    :raises Unjudged: git cannot tell.
    """
    if not os.path.lexists(found.index):
        return []
    if _is_staged(found):
        return ["a submodule's new commit"]
    for record in _records(found, "ls-files", "--stage", "-z"):
        head, _, name = record.partition(b"\t")
        if not head.startswith(_GITLINK):
            continue
        work = _work_in(found.top / os.fsdecode(name), head.split(b" ")[1].decode())
        if work is not None:
            return [f"{work} in submodule {os.fsdecode(name)!r}"]
    return []


def _is_staged(found: FoundCheckout) -> bool:
    """Tell whether the index has other submodules than HEAD, which ``status`` leaves out."""
    if found.head is None:
        return False  # then all of the index is uncommitted
    words = ("diff-index", "--cached", "--raw", "-z", "--no-renames", "--ignore-submodules=none")
    return any(_GITLINK in field[:14] for field in _records(found, *words, found.head, "--"))


def _work_in(place: Path, commit: str) -> str | None:
    try:
        mode = os.lstat(place).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISDIR(mode):
        return "another file"
    if not os.path.lexists(place / ".git"):
        return "files" if os.listdir(place) else None
    places = git_directories(place)
    if places is None:
        return "what cannot be judged"
    head = head_commit(places[0], read_references(places[1]))
    return None if head == commit else "a new commit"


def _records(found: FoundCheckout, *words: str) -> list[bytes]:
    answer = found.ask(*words, extra={"GIT_INDEX_FILE": str(found.index)})
    if answer.status != 0:
        raise Unjudged(answer.detail)
    return [record for record in answer.stdout.split(b"\0") if record]
