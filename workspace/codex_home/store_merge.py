"""Give the rollouts of one store to another: what codex keeps, and no more of it than is due.

Invariant: no rollout is ever lost or overwritten. Each appears in the other store complete or
not at all, and only under a name that is free in both of a rollout's forms.

An agent can put a million files where a store belongs. So names that codex does not give stay
where they are, and the newest dates come first. A launch moves a bounded number, and waits a
bounded time.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ...kernel.errands.end_wanted import check_end
from ...kernel.files.atomic import fsync_directory
from ...kernel.files.regular_file import create_file, open_regular
from ..fs import lstat_at, open_child
from ..workdir.file_pieces import copy_pieces, same_pieces

# ``sessions/YYYY/MM/DD``; locks and archived rollouts lie flat.
_DATE = r"\d{1,4}"
_OURS = r"(?a)rollout-[\w.-]{1,200}\.jsonl(\.zst)?|[\w.-]{0,200}\.lock"
_DEEPEST = 8
_BATCH = 256
_MOST_NAMES = 200_000


@dataclass(slots=True)
class Merged:
    """What became of the names in a store.

    :param moved: how many are in the other store now.
    :param differ: how many stay because something else has their name there.
    :param strange: how many names stay that codex gives nothing in a store.
    :param unfinished: there was more than was allowed.
    """

    moved: int = 0
    differ: int = 0
    strange: int = 0
    unfinished: bool = False

    @property
    def is_whole(self) -> bool:
        """Tell whether nothing stays."""
        return not (self.differ or self.strange or self.unfinished)


class MergeLimits:
    """How much may be moved at once."""

    def __init__(self, files: int, seconds: float) -> None:
        """Begin now.

        :param files: most files; ``sys.maxsize`` for all.
        :param seconds: after which no more is begun; ``math.inf`` for no limit.
        """
        self._files = files
        self._until = time.monotonic() + seconds
        self.is_bounded = seconds != float("inf")

    def take(self) -> bool:
        """Tell whether one more file may be moved.

        :raises EndWanted: the end is wanted.
        """
        check_end()
        self._files -= 1
        return self._files >= 0 and time.monotonic() < self._until


def merge_store(source_fd: int, target_fd: int, where: Path, allowance: MergeLimits) -> Merged:
    """Move what the other store lacks, newest dates first.

    :param where: the store, for errors' sake.
    """
    merged = Merged()
    _merge(source_fd, target_fd, where, merged, _Walk(allowance, _DEEPEST))
    return merged


@dataclass(frozen=True, slots=True)
class _Walk:
    allowance: MergeLimits
    depth: int


def _merge(source_fd: int, target_fd: int, where: Path, merged: Merged, walk: _Walk) -> None:
    dates, files = _names(source_fd, merged, walk)
    for name in dates:
        if not walk.allowance.take():
            merged.unfinished = True
            return
        _merge_directory(name, source_fd, target_fd, where / name, (merged, walk))
    for start in range(0, len(files), _BATCH):
        _move_batch(files[start : start + _BATCH], source_fd, target_fd, merged, walk.allowance)
        if merged.unfinished:
            return


def _names(source_fd: int, merged: Merged, walk: _Walk) -> tuple[list[str], list[str]]:
    """Return the directories and the files that codex may have made, newest first."""
    dates: list[str] = []
    files: list[str] = []
    most = _MOST_NAMES if walk.allowance.is_bounded else None
    with os.scandir(source_fd) as entries:
        for entry in islice(entries, most):
            is_directory = entry.is_dir(follow_symlinks=False)
            if is_directory and walk.depth > 1 and re.fullmatch(_DATE, entry.name):
                dates.append(entry.name)
            elif not is_directory and re.fullmatch(_OURS, entry.name):
                files.append(entry.name)
            else:
                merged.strange += 1
        merged.unfinished |= next(entries, None) is not None
    return sorted(dates, reverse=True), sorted(files, reverse=True)


def _merge_directory(
    name: str, source_fd: int, target_fd: int, place: Path, rest: tuple[Merged, _Walk]
) -> None:
    merged, walk = rest
    inner = open_child(name, source_fd, place)
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=target_fd)
        if not stat.S_ISDIR(os.stat(name, dir_fd=target_fd, follow_symlinks=False).st_mode):
            merged.differ += 1
            return
        outer = open_child(name, target_fd, place)
        try:
            _merge(inner, outer, place, merged, _Walk(walk.allowance, walk.depth - 1))
        finally:
            os.close(outer)
    finally:
        os.close(inner)
    _drop_empty(name, source_fd)


def _drop_empty(name: str, dir_fd: int) -> None:
    try:
        os.rmdir(name, dir_fd=dir_fd)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


def _move_batch(
    names: Sequence[str], source_fd: int, target_fd: int, merged: Merged, allowance: MergeLimits
) -> None:
    """Move files of one directory; what makes their new names durable they share.

    A crash in between leaves both names; the next heal finds them equal.
    """
    there = list(_appear(names, source_fd, target_fd, merged, allowance))
    if there:
        fsync_directory(target_fd)
    for name in there:
        os.unlink(name, dir_fd=source_fd)
    merged.moved += len(there)


def _appear(
    names: Sequence[str], source_fd: int, target_fd: int, merged: Merged, allowance: MergeLimits
) -> Iterator[str]:
    """Yield which of the names are in the target, complete."""
    for name in names:
        if not allowance.take():
            merged.unfinished = True
            return
        if stat.S_ISREG(os.stat(name, dir_fd=source_fd, follow_symlinks=False).st_mode):
            if _give(name, source_fd, target_fd):
                yield name
                continue
        elif _leads_there(name, source_fd, target_fd):
            os.unlink(name, dir_fd=source_fd)
            continue
        merged.differ += 1


def _leads_there(name: str, source_fd: int, target_fd: int) -> bool:
    """Tell whether a name is a link to the very file it would become."""
    try:
        ours, theirs = (os.stat(name, dir_fd=fd) for fd in (source_fd, target_fd))
    except OSError:
        return False
    link = stat.S_ISLNK(os.stat(name, dir_fd=source_fd, follow_symlinks=False).st_mode)
    return link and (ours.st_dev, ours.st_ino) == (theirs.st_dev, theirs.st_ino)


def _give(name: str, source_fd: int, target_fd: int) -> bool:
    """Give one file a free name there, never over another form of the same rollout."""
    forms = {name, name.removesuffix(".zst"), f"{name}.zst" if name.endswith(".jsonl") else name}
    for form in forms - {name}:
        if lstat_at(form, target_fd) is not None:
            return False
    try:
        os.link(name, name, src_dir_fd=source_fd, dst_dir_fd=target_fd, follow_symlinks=False)
    except FileExistsError:
        return _same(name, source_fd, target_fd)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK):
            raise
        return _copy(name, source_fd, target_fd)
    return True


def _copy(name: str, source_fd: int, target_fd: int) -> bool:
    temporary = f".{os.urandom(6).hex()}.tmp"
    status = os.stat(name, dir_fd=source_fd, follow_symlinks=False)
    try:
        with (
            open(open_regular(name, dir_fd=source_fd), "rb") as source,
            open(create_file(temporary, target_fd), "wb") as out,
        ):
            copy_pieces(source.fileno(), out.fileno(), "a rollout to be copied")
            os.fchmod(out.fileno(), stat.S_IMODE(status.st_mode))
            os.utime(out.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))
            os.fsync(out.fileno())
        os.link(temporary, name, src_dir_fd=target_fd, dst_dir_fd=target_fd)
    except FileExistsError:
        return _same(name, source_fd, target_fd)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=target_fd)
    return True


def _same(name: str, source_fd: int, target_fd: int) -> bool:
    ours = os.stat(name, dir_fd=source_fd, follow_symlinks=False)
    theirs = os.stat(name, dir_fd=target_fd, follow_symlinks=False)
    if (ours.st_dev, ours.st_ino) == (theirs.st_dev, theirs.st_ino):
        return True
    if not stat.S_ISREG(theirs.st_mode) or ours.st_size != theirs.st_size:
        return False
    with (
        open(open_regular(name, dir_fd=source_fd), "rb") as one,
        open(open_regular(name, dir_fd=target_fd), "rb") as other,
    ):
        return same_pieces(one.fileno(), other.fileno(), "a rollout to be compared")
