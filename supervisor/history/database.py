"""The file of the history: how it is opened, and made anew when it is missing or damaged.

Invariant: whoever changes it holds its lock alone, and whoever reads it shares the lock. So no
reader meets a file that is being made, and no row is written into a file that was moved aside.
Within that, SQLite's own log makes each change whole or not at all.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import TypeVar

from ...kernel.errors import OperatorError
from ...kernel.files.flock import open_lock_file, unlock, wait_lock
from ...kernel.files.home_owner import give_named, make_private_directory
from ...kernel.xdg import state_directory
from ..callbacks import Tell
from .past_runs import CREATE, VERSION, add_runs, entries_of, trim
from .run_entry import RunEntry

_T = TypeVar("_T")
Work = Callable[[sqlite3.Connection], _T]
Recover = Callable[[], Iterable[RunEntry]]

PATIENCE = 2.0  # seconds; a change takes less than a tenth of them
_PAUSES = (0.001, 0.02)
# Nothing is wrong with the file: another time the same works. By name, as sqlite3.h has them:
# PERM, BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, FULL, CANTOPEN.
_PASSING = frozenset({3, 5, 6, 7, 8, 9, 10, 13, 14})


class HistoryUnusable(OperatorError):
    """The history can be neither read nor made anew now."""

    def __init__(self, problem: str) -> None:
        path = history_path()
        super().__init__(
            f"{path}: {problem}; runs that it alone knows are not shown, which changes nothing else"
        )


class _Unfit(Exception):
    """The file must be made anew. An empty reason: it is not there."""


def history_path() -> Path:
    """Return where the history is."""
    return state_directory() / "history.sqlite"


def read_history(work: Work[_T], recover: Recover, tell: Tell) -> _T:
    """Return what some queries find; a missing or damaged file is made anew first.

    :param recover: returns the runs that workspaces still know.
    :param tell: takes one line for a person, about a damaged file.
    :raises HistoryUnusable: the state directory cannot be read or written.
    """
    with _told():
        with _locked(PATIENCE, shared=True), contextlib.suppress(_Unfit):
            return _run(work)
        return _change(work, recover, tell, PATIENCE)


def change_history(
    work: Work[_T], recover: Recover, tell: Tell, *, patience: float = PATIENCE
) -> _T:
    """Do the same with a change, while nobody else reads or changes the history.

    :param patience: seconds to wait for the others.
    """
    with _told():
        return _change(work, recover, tell, patience)


def peek_history(work: Work[_T]) -> _T | None:
    """Return what some queries find, or None where there is no usable history now."""
    if not os.path.lexists(history_path()):
        return None
    with contextlib.suppress(OSError, _Unfit, HistoryUnusable), _locked(PATIENCE, shared=True):
        return _run(work)
    return None


def _change(work: Work[_T], recover: Recover, tell: Tell, patience: float) -> _T:
    with _locked(patience, shared=False):
        try:
            return _run(work)
        except _Unfit as unfit:
            if os.path.lexists(history_path()):
                tell(f"{history_path()}: {unfit}; kept as {_aside().name}, and made anew")
            _move_aside()
        _make(recover)
        try:
            return _run(work)
        except _Unfit as unfit:
            raise HistoryUnusable(str(unfit)) from None


@contextlib.contextmanager
def _told() -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise HistoryUnusable(error.strerror or str(error)) from None


@contextlib.contextmanager
def _locked(patience: float, *, shared: bool) -> Generator[None]:
    make_private_directory(state_directory())
    fd = open_lock_file(f"{state_directory()}/history.lock")
    try:
        if not wait_lock(fd, patience, _PAUSES, shared=shared):
            raise HistoryUnusable("another process holds it; try again")
        yield
    finally:
        # For a child too that was forked meanwhile and has not closed its duplicate yet.
        with contextlib.suppress(OSError):
            unlock(fd)
        os.close(fd)


def _run(work: Work[_T]) -> _T:
    """Open the file and do the work.

    :raises _Unfit: it is missing, damaged, or of another version.
    """
    _check_kind()
    try:
        with contextlib.closing(_connect(history_path())) as database:
            (version,) = database.execute("PRAGMA user_version").fetchone()
            if version != VERSION:
                raise _Unfit(f"is of version {version}, expected {VERSION}")
            return work(database)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 1) & 0xFF in _PASSING:
            raise HistoryUnusable(str(error)) from None
        raise _Unfit(f"is damaged ({error})") from None


def _check_kind() -> None:
    """Refuse what SQLite would follow or wait for."""
    try:
        found = os.lstat(history_path())
    except FileNotFoundError:
        raise _Unfit from None
    if not stat.S_ISREG(found.st_mode):
        raise _Unfit("is no regular file")


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)


def _aside() -> Path:
    return history_path().with_name("history.sqlite.damaged")


def _move_aside() -> None:
    """Move the file and its log aside; a log without its file would be taken for a new one's."""
    path, aside = os.fspath(history_path()), os.fspath(_aside())
    for name in ("", "-wal"):
        with contextlib.suppress(FileNotFoundError):
            os.rename(path + name, aside + name)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path + "-shm")


def _make(recover: Recover) -> None:
    """Make the file under another name, so that it is there whole or not at all."""
    new = history_path().with_name("history.sqlite.new")
    for name in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{new}{name}")
    # SQLite gives its log the mode of the file.
    os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    give_named(new)
    try:
        with contextlib.closing(_connect(new)) as database:
            database.execute("PRAGMA journal_mode=WAL")
            with database:
                database.execute("BEGIN")
                for statement in CREATE:
                    database.execute(statement)
                # The newest word last: what a damaged file still tells is our own.
                add_runs(database, recover())
                add_runs(database, _salvaged())
                trim(database)
            database.execute(f"PRAGMA user_version={VERSION}")
    except sqlite3.Error as error:
        raise HistoryUnusable(str(error)) from None
    os.rename(new, history_path())


def _salvaged() -> Iterable[RunEntry]:
    """Yield what can still be read of the file that was moved aside."""
    try:
        if stat.S_ISREG(os.lstat(_aside()).st_mode):
            with contextlib.closing(_connect(_aside())) as database:
                yield from entries_of(database.execute("SELECT entry FROM runs"))
    except (OSError, sqlite3.Error):
        return
