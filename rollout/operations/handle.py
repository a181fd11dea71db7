"""The handle on a store: where its files and locks lie, and the calls that change it.

Several homes may share one store: their ``sessions`` are links to one directory. Kept
files therefore lie beside the *resolved* directory, so that every home finds them. They
never lie below it, where codex looks for thread ids in names.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Iterable, Iterator
from typing import Self

from ...kernel.errors import CallerError
from ..locks.store import CHANGE_LOCK, MAINTENANCE, SWEEP_LOCK
from ..locks.thread import Coordination, ThreadLocks
from ..store.names import RolloutName, parse_rollout_name
from ..store.rollout_ref import RolloutRef
from ..store.roots import RootName
from .file_ops import FileOps

KEPT_DIRECTORY = ".codexlab-retired"
_SHARED_PREFIX = ".codexlab-"


class NotARolloutError(CallerError):
    """A path does not name a rollout of this home."""

    def __init__(self, path: str, home: str) -> None:
        self.path, self.home = path, home
        super().__init__(
            f"{path} is not a rollout of {home}: expected sessions/YYYY/MM/DD/rollout-*.jsonl"
            " or archived_sessions/rollout-*.jsonl"
        )


class StoreHandle:
    """A store as one codex home sees it: where everything lies, and the calls that change it.

    Links are resolved once, when it is made; nothing is created.

    :param home: a codex home.
    :param ops: the system calls that change the store; a test gives its own.
    """

    def __init__(self, home: str | os.PathLike[str], ops: FileOps | None = None) -> None:
        self.home = os.path.abspath(home)
        self.ops = ops or FileOps()
        # The two roots, and the directory of kept files and journals. Then the beginning of the
        # paths of the locks that all homes of the store share.
        self.sessions = os.path.realpath(os.path.join(self.home, RootName.SESSIONS))
        self.archived = os.path.realpath(os.path.join(self.home, RootName.ARCHIVED))
        self.kept = _kept_directory(self.home, self.sessions)
        self.shared = _shared_prefix(self.kept, self.sessions)

    def using(self, ops: FileOps) -> Self:
        """Return the same store, changed by other system calls."""
        return type(self)(self.home, ops)

    @property
    def locks(self) -> ThreadLocks:
        """Codex's locks of this home; makes the directory when it is missing."""
        return ThreadLocks(self.home)

    @property
    def maintenance_lock(self) -> str:
        """The path of the lock that codex's own sweep of this home holds."""
        return os.path.join(self.home, MAINTENANCE)

    @property
    def sweep_lock(self) -> str:
        """The path of the lock that the store's only sweep of ours holds."""
        return self.shared + SWEEP_LOCK

    @property
    def change_lock(self) -> str:
        """The path of the lock under which ours, of whatever home, change names."""
        return self.shared + CHANGE_LOCK

    @contextlib.contextmanager
    def exclusive(self) -> Generator[Coordination]:
        """Hold codex's coordination lock and the store's own: names may be changed.

        :raises CoordinationBusyError: codex's lock stayed held.
        :raises SweeperBusyError: the store's lock stayed held for 10 s.
        """
        with (
            self.ops.coordination(self.locks) as coordination,
            self.ops.store(self.change_lock),
        ):
            yield coordination

    def root(self, name: RootName) -> str:
        """Return the resolved root called ``sessions`` or ``archived_sessions``."""
        return self.archived if name is RootName.ARCHIVED else self.sessions

    def rollout(self, path: str) -> RolloutRef:
        """Refer to the rollout that ``path``, of either form, belongs to; links are resolved.

        :raises NotARolloutError: it lies in neither root, or its name is no rollout's.
        """
        return next(self.rollouts([path]))

    def rollouts(self, paths: Iterable[str]) -> Iterator[RolloutRef]:
        """Refer to the rollouts of many paths; neighbours' directory is resolved once.

        :raises NotARolloutError: as for one of them.
        """
        above, where = "", None
        for path in paths:
            directory, file_name = os.path.split(os.path.abspath(path))
            if directory != above:
                above, where = directory, self._locate(directory)
            name = parse_rollout_name(file_name)
            if where is None or name is None:
                raise NotARolloutError(path, self.home)
            directory, archived = where
            yield RolloutRef(directory, name.of_plain, archived)

    def _locate(self, directory: str) -> tuple[str, bool] | None:
        """Return a directory with links resolved, and whether it is of archived rollouts."""
        directory = self._resolve(directory)
        for archived, base in ((False, self.sessions), (True, self.archived)):
            if os.path.commonpath([directory, base]) == base:
                return directory, archived
        return None

    def _resolve(self, directory: str) -> str:
        """Resolve links as realpath does; below a root only what lies below it is looked at."""
        for name, base in ((RootName.SESSIONS, self.sessions), (RootName.ARCHIVED, self.archived)):
            for start in (os.path.join(self.home, name), base):
                if directory == start or directory.startswith(start + os.sep):
                    rest = directory[len(start) :]
                    return os.path.realpath(directory) if _has_link(base, rest) else base + rest
        return os.path.realpath(directory)

    def relative(self, rollout: RolloutRef) -> str:
        """Return the plain path of a rollout of this store below its root.

        :raises NotARolloutError: its directory was not resolved by this store.
        """
        root = os.path.join(self.root(rollout.root), "")
        if not rollout.path.startswith(root):
            raise NotARolloutError(rollout.path, self.home)
        return rollout.path[len(root) :]

    def recorded(self, root: RootName, relative: str) -> RolloutRef:
        """Refer to a rollout by its root and its plain path below that, as a journal has them.

        :raises NotARolloutError: the name is no rollout's.
        """
        directory, file_name = os.path.split(os.path.join(self.root(root), relative))
        name = parse_rollout_name(file_name)
        if name is None:
            raise NotARolloutError(os.path.join(directory, file_name), self.home)
        return RolloutRef(directory, name.of_plain, root is RootName.ARCHIVED)

    def other_place(self, rollout: RolloutRef) -> RolloutRef:
        """Return the place to which codex's ``archive`` or ``unarchive`` moves a rollout."""
        if rollout.archived:
            directory = os.path.join(self.sessions, _day(rollout.name))
            return RolloutRef(directory, rollout.name, archived=False)
        return RolloutRef(self.archived, rollout.name, archived=True)


def _has_link(base: str, rest: str) -> bool:
    path = base
    for part in rest.split(os.sep)[1:]:
        path = f"{path}{os.sep}{part}"
        if os.path.islink(path):
            return True
    return False


def _kept_directory(home: str, sessions: str) -> str:
    """Beside the store; in the home itself where a link leads below a directory not ours."""
    parent = os.path.dirname(sessions)
    beside = os.path.join(parent, KEPT_DIRECTORY)
    if os.path.isdir(beside) or not os.path.isdir(parent) or os.access(parent, os.W_OK):
        return beside
    return os.path.join(os.path.realpath(home), KEPT_DIRECTORY)


def _shared_prefix(kept: str, sessions: str) -> str:
    """With what is kept, where every home finds that; else in the store itself.

    There under names that codex takes neither for a year nor for a thread's.
    """
    if os.path.dirname(kept) == os.path.dirname(sessions) or not os.access(sessions, os.W_OK):
        return os.path.join(kept, "")
    return os.path.join(sessions, _SHARED_PREFIX)


def _day(name: RolloutName) -> str:
    return os.path.join(*name.timestamp[:10].split("-"))
