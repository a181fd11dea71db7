"""Find every git repository and checkout below a directory that an agent wrote.

By descriptors, one at a time, whatever the depth; no link is followed and no mount entered.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from ...kernel.files.below import open_directory

_MOST_NAMES, _MOST_FOUND = 5_000_000, 1000
_LONGEST = 3500
_STORE = frozenset({"HEAD", "objects", "refs"})
# By these, beside objects, a repository is known that lacks a part.
_BESIDE = frozenset({"HEAD", "refs", "packed-refs"})
_OBJECTS = r"pack|info|[0-9a-f]{2}"
# With one of these a ``.git`` is called damaged, where the checkout is judged.
_PARTS = frozenset({"HEAD", "objects", "refs", "packed-refs", "index"})
# Below a git directory: repositories and entries, each judged by itself, and nothing else.
_KEPT_IN_GITS = frozenset({"modules", "worktrees"})
# git's own, of which there are many, and no checkouts.
_PASSED_OVER = frozenset({"objects", "refs", "logs"})


@dataclass(slots=True)
class Below:
    """What lies below a directory; all paths are relative to it.

    :param checkouts: directories with a ``.git`` of any kind.
    :param stores: git directories with objects and references of their own.
    :param unseen: what could not be looked into, and why: it may hold anything.
    :param hidden: directories that git passes over, though no repository is in them to judge,
        with a file somewhere below.
    :param met: directories that were asked for by device and inode.
    """

    checkouts: list[str] = field(default_factory=list[str])
    stores: list[str] = field(default_factory=list[str])
    unseen: list[str] = field(default_factory=list[str])
    hidden: list[str] = field(default_factory=list[str])
    met: list[str] = field(default_factory=list[str])


@dataclass(slots=True)
class _Level:
    """A directory on the way down.

    :param inner: names of the directories in it that are still to be looked into.
    :param is_gits: it is a git directory, or a worktree's entry in such a directory.
    :param hidden: the directory that git passes over and that holds this; empty for none.
    """

    name: str
    place: tuple[int, int]
    inner: list[str]
    is_gits: bool
    hidden: str


def look_below(top: Path, wanted: Collection[tuple[int, int]] = ()) -> Below:
    """Walk a tree and return what is in it. Reads names alone.

    :param wanted: device and inode of directories that may have been moved into it.
    :raises OSError: ``top`` cannot be opened, or somebody moves directories meanwhile.
    """
    walk = _Walk(top, wanted)
    try:
        while walk.go_on():
            pass
    finally:
        os.close(walk.fd)
    return walk.found


class _Walk:
    """A walk, of which one directory is open at a time; the way back up is ``..``."""

    def __init__(self, top: Path, wanted: Collection[tuple[int, int]]) -> None:
        self.found = Below()
        self._wanted = wanted
        self.fd = open_directory(top)
        self._device = os.fstat(self.fd).st_dev
        self._names_left = _MOST_NAMES
        self._levels: list[_Level] = []
        self._enter("")

    def go_on(self) -> bool:
        """Take one step down or up, and tell whether there is another."""
        found, level = self.found, self._levels[-1]
        if self._names_left < 0 or len(found.checkouts) + len(found.stores) > _MOST_FOUND:
            found.unseen.append("more than can be looked at")
            return False
        if level.inner:
            self._descend(level.inner.pop())
        elif len(self._levels) == 1:
            return False
        else:
            self._climb()
        return True

    def _descend(self, name: str) -> None:
        if sum(len(os.fsencode(level.name)) + 1 for level in self._levels) > _LONGEST:
            # git passes such a directory over as if it were empty.
            self.found.unseen.append(f"{self._path(name)} (too deep)")
            return
        try:
            below = _open(name, self.fd, self._device)
        except OSError as error:
            self.found.unseen.append(f"{self._path(name)} ({error.strerror})")
            return
        os.close(self.fd)
        self.fd = below
        self._enter(name)

    def _climb(self) -> None:
        self._levels.pop()
        above = open_directory("..", self.fd)
        os.close(self.fd)
        self.fd = above
        if _place(above) != self._levels[-1].place:
            raise OSError(errno.ESTALE, "directories are being moved in it")

    def _enter(self, name: str) -> None:
        names: set[str] = set()
        inner: list[str] = []
        with os.scandir(self.fd) as items:
            for item in items:
                names.add(item.name)
                if item.is_dir(follow_symlinks=False):
                    inner.append(item.name)
        self._names_left -= len(names)
        directories = tuple(inner)
        # git follows links there, so what they are is not asked.
        if not names >= _STORE and names & _BESIDE and "objects" in names and self._has_objects():
            self.found.unseen.append(f"{self._path(name)} (a damaged repository)")
        if names >= _STORE:
            inner = [each for each in inner if each not in _PASSED_OVER]
            self.found.stores.append(self._path(name))
        if ".git" in names:
            self.found.checkouts.append(self._path(name))
        hidden = self._hidden(name, names)
        if hidden and len(directories) < len(names) and hidden not in self.found.hidden[-1:]:
            self.found.hidden.append(hidden)
        place = _place(self.fd)
        if place in self._wanted:
            self.found.met.append(self._path(name))
        is_gits = names >= _STORE or self._is_entry(names)
        self._levels.append(_Level(name, place, inner, is_gits, hidden))

    def _hidden(self, name: str, names: set[str]) -> str:
        """Return the directory that hides the files here from git, and from who judges git's."""
        if not self._levels or names >= _STORE or self._is_entry(names):
            return ""  # its files are judged with the repository
        if name == ".git":
            return "" if names & _PARTS else self._path(name)
        above = self._levels[-1]
        if above.is_gits and name in _KEPT_IN_GITS:
            return self._path(name)
        return above.hidden

    def _is_entry(self, names: set[str]) -> bool:
        """Tell whether the directory is a worktree's entry in a repository."""
        if len(self._levels) < 2 or "gitdir" not in names:
            return False
        return self._levels[-1].name == "worktrees" and self._levels[-2].is_gits

    def _has_objects(self) -> bool:
        """Tell whether ``objects`` in the directory that is open may be git's."""
        try:
            fd = open_directory("objects", self.fd)
        except OSError as error:
            # A link may lead to them, and what cannot be read may hold them.
            return error.errno != errno.ENOTDIR or _is_link("objects", self.fd)
        try:
            return any(re.fullmatch(_OBJECTS, each) for each in os.listdir(fd))
        finally:
            os.close(fd)

    def _path(self, name: str) -> str:
        return "/".join([*(level.name for level in self._levels[1:]), name])


def _open(name: str, dir_fd: int, device: int) -> int:
    fd = open_directory(name, dir_fd)
    try:
        if os.fstat(fd).st_dev != device:
            raise OSError(errno.EXDEV, "a mount")
        # Without the right to search it there would be no way back up.
        os.stat("..", dir_fd=fd)
    except OSError:
        os.close(fd)
        raise
    return fd


def _is_link(name: str, dir_fd: int) -> bool:
    return stat.S_ISLNK(os.stat(name, dir_fd=dir_fd, follow_symlinks=False).st_mode)


def _place(fd: int) -> tuple[int, int]:
    found = os.fstat(fd)
    return found.st_dev, found.st_ino
