"""A plain file and its frame, on their way through the critical section of `publish`."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ..operations.result import Outcome, Result
from ..store.rollout_ref import RolloutRef


@dataclass(slots=True)
class Prepared:
    """A plain file and the frame that is to take its place.

    :param plain_fd: the plain file, read-only, without duplicates.
    :param stat: what fstat said before it was read.
    :param temporary: the frame's temporary path and descriptor. None when the frame
        has its name already; it is never withdrawn then.
    :param frame: device and inode of the frame.
    :param leased: the kernel granted a lease on ``plain_fd`` when it was last asked.
    :param is_named: the temporary name has become the frame's: nothing is to be discarded.
    """

    rollout: RolloutRef
    plain_fd: int
    stat: os.stat_result
    temporary: tuple[str, int] | None
    frame: tuple[int, int]
    frame_size: int
    leased: bool = False
    is_named: bool = False

    def close(self) -> None:
        """Close what is open; a lease ends with it."""
        os.close(self.plain_fd)
        if self.temporary is not None:
            os.close(self.temporary[1])

    def result(self, outcome: Outcome, reason: str = "") -> Result:
        """Return the result of this file."""
        return Result(self.rollout, outcome, reason, self.stat.st_size, self.frame_size)

    def is_unchanged(self) -> bool:
        """Tell whether the plain name still leads to what was read, with its size and times.

        The open file keeps its inode, so what the name says of it is true of both.
        """
        try:
            named = os.lstat(self.rollout.path)
        except FileNotFoundError:
            return False
        return _fingerprint(named) == _fingerprint(self.stat)

    def is_as_leased(self, kept: str) -> bool:
        """Tell whether the kept name leads to the leased file, at its size."""
        now, then = os.lstat(kept), self.stat
        return (now.st_dev, now.st_ino, now.st_size) == (then.st_dev, then.st_ino, then.st_size)

    def is_frame_there(self) -> bool:
        """Tell whether the compressed name leads to *our* frame."""
        try:
            stat = os.lstat(self.rollout.compressed_path)
        except FileNotFoundError:
            return False
        return (stat.st_dev, stat.st_ino) == self.frame


def _fingerprint(stat: os.stat_result) -> tuple[int, ...]:
    return (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
