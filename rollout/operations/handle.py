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
from ...kernel.values import frozen
from ..locks.store import CHANGE_LOCK, MAINTENANCE, SWEEP_LOCK
from ..locks.thread import Coordination, ThreadLocks
from ..store.names import COMPRESSED_SUFFIX, RolloutName, parse_rollout_name
from ..store.roots import ARCHIVED_SESSIONS, SESSIONS
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


@frozen
class Subject:
    """One logical rollout to be worked on.

    :param root: ``sessions`` or ``archived_sessions``.
    :param relative: the plain path below that root.
    :param directory: the directory of both forms, links resolved.
    :param plain: the plain path in it.
    """

    root: str
    relative: str
    directory: str
    plain: str
    thread: str

    @property
    def compressed(self) -> str:
        """The path of the compressed form, which need not exist."""
        return self.plain + COMPRESSED_SUFFIX


class StoreHandle:
    """A store as one codex home sees it: where everything lies, and the calls that change it.

    Links are resolved once, when it is made; nothing is created.

    :param home: a codex home.
    :param ops: the system calls that change the store; a test gives its own.
    """

    def __init__(self, home: str | os.PathLike[str], ops: FileOps | None = None) -> None:
        self.home = os.path.abspath(home)
        self.ops = ops or FileOps()
        # The two roots, the directory of kept files and journals, and the beginning of the
        # paths of the locks that all homes of the store share.
        self.sessions = os.path.realpath(os.path.join(self.home, SESSIONS))
        self.archived = os.path.realpath(os.path.join(self.home, ARCHIVED_SESSIONS))
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

    def root(self, name: str) -> str:
        """Return the resolved root called ``sessions`` or ``archived_sessions``."""
        return self.archived if name == ARCHIVED_SESSIONS else self.sessions

    def subject(self, path: str) -> Subject:
        """Name the logical rollout that ``path``, of either form, belongs to.

        :raises NotARolloutError: it lies in neither root, or its name is no rollout's.
        """
        return next(self.subjects([path]))

    def subjects(self, paths: Iterable[str]) -> Iterator[Subject]:
        """Name the logical rollouts of many paths; neighbours' directory is resolved once.

        :raises NotARolloutError: as for one of them.
        """
        above, where = "", None
        for path in paths:
            directory, leaf = os.path.split(os.path.abspath(path))
            if directory != above:
                above, where = directory, self._locate(directory)
            name = parse_rollout_name(leaf)
            if where is None or name is None:
                raise NotARolloutError(path, self.home)
            root, below, directory = where
            plain_name = name.plain_name
            plain = f"{directory}/{plain_name}"
            yield Subject(root, below + plain_name, directory, plain, name.thread_id)

    def _locate(self, directory: str) -> tuple[str, str, str] | None:
        """Return root, what precedes a name in paths below it, and directory resolved."""
        directory = self._resolve(directory)
        for root, base in ((SESSIONS, self.sessions), (ARCHIVED_SESSIONS, self.archived)):
            if os.path.commonpath([directory, base]) == base:
                return root, os.path.join(directory, "")[len(base) + 1 :], directory
        return None

    def _resolve(self, directory: str) -> str:
        """Resolve links as realpath does; below a root only what lies below it is looked at."""
        for name, base in ((SESSIONS, self.sessions), (ARCHIVED_SESSIONS, self.archived)):
            for start in (os.path.join(self.home, name), base):
                if directory == start or directory.startswith(start + os.sep):
                    rest = directory[len(start) :]
                    return os.path.realpath(directory) if _has_link(base, rest) else base + rest
        return os.path.realpath(directory)

    def recorded(self, root: str, relative: str, thread: str) -> Subject:
        """Rebuild a subject from what a journal says of it."""
        plain = os.path.join(self.root(root), relative)
        return Subject(root, relative, os.path.dirname(plain), plain, thread)

    def other_place(self, subject: Subject) -> Subject | None:
        """Return the place to which codex's ``archive`` or ``unarchive`` moves the rollout."""
        leaf = os.path.basename(subject.plain)
        name = parse_rollout_name(leaf)
        if name is None:
            return None
        if subject.root == ARCHIVED_SESSIONS:
            return self.recorded(SESSIONS, os.path.join(_day(name), leaf), subject.thread)
        return self.recorded(ARCHIVED_SESSIONS, leaf, subject.thread)


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
