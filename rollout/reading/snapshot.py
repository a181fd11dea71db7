"""Open a rollout in whichever form it has, and keep that very file.

A descriptor survives every change of form: what was opened stays readable,
whether it is retired, replaced or removed meanwhile. What a writer appends after
the opening is not part of the snapshot.
"""

from __future__ import annotations

import errno
import os
import time
from typing import Self

from ...kernel.errors import CallerError
from ...kernel.values import frozen
from ..store.names import COMPRESSED_SUFFIX, RolloutForm

# Looking up both names is not one step: while forms change, both look-ups can miss.
_IMMEDIATE_TRIES = 8
_PAUSE_SECONDS = 0.05
_TYPE, _REGULAR = 0o170000, 0o100000


class NoSuchRolloutError(CallerError):
    """Neither form of a rollout exists.

    :param path: its plain path.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(f"no rollout at {path}, nor at {path}{COMPRESSED_SUFFIX}; check the path")


class NotARolloutFileError(CallerError):
    """A path given as a rollout names something that is not a regular file."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(f"{path} is not a regular file; a rollout was expected")


@frozen
class RolloutSnapshot:
    """One open file of a rollout; a context manager that closes it.

    :param path: the plain path, the rollout's name.
    :param physical: the path that was opened.
    :param form: what the bytes of ``fd`` are.
    :param size: bytes of the file when it was opened; plain reads end there.
    :param mtime_ns: its modification time then; codex's ``updated_at``.
    :param fd: descriptor open for reading; its file offset is nobody's.
    """

    path: str
    physical: str
    form: RolloutForm
    size: int
    mtime_ns: int
    fd: int

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)


def plain_path_of(path: str | os.PathLike[str]) -> str:
    """Return the plain path of a rollout given by either of its paths."""
    return os.fspath(path).removesuffix(COMPRESSED_SUFFIX)


def open_snapshot(path: str | os.PathLike[str], *, patience: float = 0.15) -> RolloutSnapshot:
    """Open a rollout; plain wins, and a change of form meanwhile is survived.

    :param path: its plain or its compressed path.
    :param patience: seconds to wait for a rollout that is not there; 0 when many are
        opened. Some tools remove the old file before they make the new one.
    :raises NoSuchRolloutError: neither form exists.
    :raises NotARolloutFileError: a directory, a fifo or the like, and no other form.
    :raises OSError: it exists and cannot be opened.
    """
    plain = plain_path_of(path)
    pauses = round(patience / _PAUSE_SECONDS)
    for attempt in range(_IMMEDIATE_TRIES + pauses):
        if attempt >= _IMMEDIATE_TRIES:
            time.sleep(_PAUSE_SECONDS)
        snapshot = _open_either(plain)
        if snapshot is not None:
            return snapshot
    raise NoSuchRolloutError(plain)


def _open_either(plain: str) -> RolloutSnapshot | None:
    """Open the first form that is a file: what else has its name hides no whole frame."""
    odd: list[NotARolloutFileError] = []
    for physical, form in (
        (plain, RolloutForm.PLAIN),
        (plain + COMPRESSED_SUFFIX, RolloutForm.COMPRESSED),
    ):
        try:
            return _open(plain, physical, form)
        except FileNotFoundError:
            continue
        except NotARolloutFileError as error:
            odd.append(error)
    if odd:
        raise odd[0]
    return None


def open_regular(path: str, flags: int = os.O_RDONLY | os.O_NONBLOCK) -> int:
    """Open one form to work on it, never through a link.

    :param flags: as in open(2). By default the call does not wait for a fifo. A caller
        that opens to write leaves ``O_NONBLOCK`` out, and so waits for a file lease to end.
    :raises NotARolloutFileError: a directory, a fifo or the like.
    :raises OSError: it is gone, a link, or cannot be opened.
    """
    fd, _ = _open_file(path, flags | os.O_NOFOLLOW)
    return fd


def _open_file(path: str, flags: int) -> tuple[int, os.stat_result]:
    try:
        fd = os.open(path, flags | os.O_CLOEXEC)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        # So open(2) answers for a socket.
        raise NotARolloutFileError(path) from None
    stat = os.fstat(fd)
    if stat.st_mode & _TYPE != _REGULAR:
        os.close(fd)
        raise NotARolloutFileError(path)
    return fd, stat


def _open(plain: str, physical: str, form: RolloutForm) -> RolloutSnapshot:
    # Non-blocking, so that a fifo in the file's place does not stop us for ever.
    fd, stat = _open_file(physical, os.O_RDONLY | os.O_NONBLOCK)
    return RolloutSnapshot(plain, physical, form, stat.st_size, stat.st_mtime_ns, fd)
