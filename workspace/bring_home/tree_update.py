"""Bring a checkout from one commit to another, if none of its own changes is in the way."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

from ...kernel.errands.git_environment import Reach
from ...kernel.values import frozen
from ..errors import GitFailed
from ..git.command import ask_git, run_git
from ..git.view import GitView
from ..issue_work.branches import check_index, check_nothing_under_way
from ..issue_work.filters import check_filters, repositorys_filters
from ..issue_work.refusal import WorkRefused

_SECONDS = 600.0
_MOST_NAMES = 5
_MOST_DIRECTORIES = 10_000
_STATUS = ("status", "--porcelain", "-z", "--untracked-files=no", "--ignore-submodules=all")


@frozen
class TreeUpdate:
    """A checkout, and the commits that it goes from and to.

    :param common_dir: git directory of its repository.
    """

    view: GitView
    common_dir: Path
    old: str
    new: str

    @property
    def top(self) -> Path:
        """Return the top level of the checkout."""
        return Path(self.view.top or "/")

    def check(self) -> None:
        """Refuse a checkout that cannot be updated; nothing is changed.

        :raises WorkRefused: it has changes of its own in files that would be written.
        """
        git_dir = Path(self.view.git_dir)
        check_nothing_under_way(git_dir, self.top)
        check_index(git_dir, self.view, self.top)
        touched, added, gone = (self._changed(kinds) for kinds in ("", "A", "D"))
        filters = repositorys_filters(git_dir, self.common_dir)
        way = "merge with git itself"
        check_filters(self.view, filters, [*touched - gone], {}, way)
        in_the_way = (touched & self._changes()) | set(_in_the_way(self.top, added, gone))
        if in_the_way:
            reason = f"has changes of its own in {names(in_the_way)}; commit or remove them first"
            raise WorkRefused(self.top, reason)
        self._read_tree("-n", self.old, self.new)

    def apply(self) -> None:
        """Write the files that differ, and the index.

        :raises GitFailed: git refuses; then it has written nothing.
        """
        self._read_tree(self.old, self.new)

    def undo(self) -> None:
        """Bring the checkout back."""
        self._read_tree(self.new, self.old)

    def _read_tree(self, *arguments: str) -> None:
        words = ("-C", os.fspath(self.top), "read-tree", "-m", "-u", *arguments)
        answer = ask_git(self.view, *words, reach=Reach.CHECKOUT, timeout=_SECONDS)
        if answer.status != 0:
            raise GitFailed("read-tree", self.top, answer.detail)

    def _changed(self, kinds: str) -> set[bytes]:
        chosen = (f"--diff-filter={kinds}",) if kinds else ()
        words = ("diff-tree", "-r", "-z", "--name-only", "--no-renames", *chosen)
        said = run_git(self.view, *words, self.old, self.new)
        return {name for name in said.split(b"\0") if name}

    def _changes(self) -> set[bytes]:
        said = run_git(self.view, *_STATUS, "--no-renames", timeout=_SECONDS)
        return {record[3:] for record in said.split(b"\0") if record}


def names(paths: Collection[bytes]) -> str:
    """Return the first of some names, and how many more there are."""
    shown = [os.fsdecode(path) for path in sorted(paths)[:_MOST_NAMES]]
    more = len(paths) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _in_the_way(top: Path, added: Collection[bytes], gone: Collection[bytes]) -> Iterator[bytes]:
    """Yield what lies where new files are to be, ignored files too: git would overwrite those."""
    base = os.fsencode(top)
    for name in added:
        parts = name.split(b"/")
        for count in range(1, len(parts) + 1):
            part = b"/".join(parts[:count])
            try:
                mode = os.lstat(os.path.join(base, part)).st_mode
            except OSError:
                break
            is_directory = stat.S_ISDIR(mode)
            if is_directory and count == len(parts):
                yield from _files_in(base, part, gone)
            elif not is_directory and part not in gone:
                yield part
                break


def _files_in(base: bytes, place: bytes, gone: Collection[bytes]) -> Iterator[bytes]:
    """Yield the files of a directory that is to become a file, but those that go.

    An agent may have made it. Where it holds too many directories, those not looked into count.
    """
    pending = [place]
    for _ in range(_MOST_DIRECTORIES):
        if not pending:
            return
        here = pending.pop()
        with os.scandir(os.path.join(base, here)) as entries:
            for entry in entries:
                name = os.path.join(here, entry.name)
                if entry.is_dir(follow_symlinks=False):
                    pending.append(name)
                elif name not in gone:
                    yield name
    yield from pending
