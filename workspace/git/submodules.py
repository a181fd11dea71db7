"""Work inside of submodules, judged without ever asking git to go down into them by itself.

``git status`` starts another git in each submodule, which hears *that* repository's
configuration: an agent can make a repository in any empty submodule. So our ``git status``
leaves them out, and each is looked at here, through a view of its own. A submodule that
cannot be judged counts as work.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ...kernel.files.regular_file import open_regular
from ..errors import GitFailed, WorkdirRefused
from .checkout import Checkout, differs_from_tree, inspect_checkout
from .command import LOOK_SECONDS, run_git
from .view import GitView, view_at

_MODE = b"\x00\x00\xe0\x00"  # 0160000, as each entry of an index says it
_SPLIT = b"link\x00\x00"  # the rest of the entries is in another file
_PIECE, _MOST = 1 << 20, 1 << 30
_DEEPEST = 8


def submodule_work(found: Checkout, view: GitView, depth: int = 0) -> str | None:
    """Describe the work in a checkout's submodules; None when there is none.

    Starts no process where the index has no submodule.

    :param view: of that checkout.
    """
    assert found.top is not None
    assert found.git_dir is not None
    if not _may_have_any(found.git_dir / "index"):
        return None
    listed = list(_listed(view))
    if not listed:
        return None
    if depth >= _DEEPEST:
        return "submodules too deep to be judged"
    if found.head is None or _is_staged(view, found.head):
        return "a submodule's new commit"
    for name, commit in listed:
        if (work := _work_in(found, name, commit, depth)) is not None:
            return f"{work} in submodule {os.fsdecode(name)}"
    return None


def _listed(view: GitView) -> Iterator[tuple[bytes, str]]:
    """Yield (path, commit) of each submodule in the index."""
    for line in run_git(view, "ls-files", "--stage", "-z").split(b"\0"):
        head, _, name = line.partition(b"\t")
        if head.startswith(b"160000 "):
            yield name, head.split(b" ")[1].decode()


def _is_staged(view: GitView, head: str) -> bool:
    """Tell whether the index has another commit of a submodule than HEAD."""
    staged = run_git(view, "ls-files", "--stage", "-z").split(b"\0")
    stored = run_git(view, "ls-tree", "-r", "-z", head).split(b"\0")
    return differs_from_tree(staged, stored, submodules=True)


def _work_in(found: Checkout, name: bytes, commit: str, depth: int) -> str | None:
    place = os.path.join(os.fsencode(found.top or ""), name)
    try:
        mode = os.lstat(place).st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISDIR(mode):
        return "another file"
    if not os.path.lexists(place + b"/.git"):
        # git does not look into it, so nothing but this keeps what lies there.
        return "files" if os.listdir(place) else None
    try:
        return _work_of(found, Path(os.fsdecode(place)), commit, depth)
    except (GitFailed, WorkdirRefused, OSError):
        return "what cannot be judged"


def _work_of(found: Checkout, place: Path, commit: str, depth: int) -> str | None:
    inner = inspect_checkout(place)
    if inner.top != place or inner.git_dir is None or inner.common_dir is None:
        return "what cannot be judged"
    if not _is_ours(found, inner):
        return "a pointer elsewhere"
    if inner.head != commit:
        return "a new commit"
    view = view_at(inner.git_dir, inner.common_dir, inner.top)
    if changes(view):
        return "uncommitted changes"
    return submodule_work(inner, view, depth + 1)


def _is_ours(found: Checkout, inner: Checkout) -> bool:
    """Tell whether a submodule's repository lies in the checkout, or in its repository."""
    homes = [
        os.path.realpath(home) for home in (found.top, found.git_dir, found.common_dir) if home
    ]
    return all(
        any(f"{os.path.realpath(place)}/".startswith(f"{home}/") for home in homes)
        for place in (inner.git_dir, inner.common_dir)
        if place is not None
    )


def changes(view: GitView) -> bool:
    """Tell whether git sees uncommitted changes, submodules aside.

    :raises GitFailed: git cannot answer.
    """
    arguments = ("--porcelain", "-z", "--untracked-files=normal", "--ignore-submodules=all")
    return bool(run_git(view, "status", *arguments, "--no-renames", timeout=LOOK_SECONDS))


def _may_have_any(index: Path) -> bool:
    """Tell whether an index may name a submodule; reads it, starts nothing."""
    try:
        fd = open_regular(index, follow=True)
    except OSError:
        return False  # git cannot read it either, and says so
    try:
        rest, done = b"", 0
        while (piece := os.read(fd, _PIECE)) and done < _MOST:
            data = rest + piece
            if _MODE in data or _SPLIT in data:
                return True
            rest, done = data[-8:], done + len(piece)
        return done >= _MOST
    finally:
        os.close(fd)
