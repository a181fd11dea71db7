"""The budget of a sweep; only files that were compressed spend it."""

from __future__ import annotations

from collections.abc import Sequence

from ..store.rollout_ref import RolloutRef

Cold = tuple[RolloutRef, int]
"""A file that may be compressed, and its size in bytes."""


class Budget:
    """The remaining numbers of files and of bytes; None means no limit."""

    def __init__(self, files: int | None, size: int | None) -> None:
        self._files = files
        self._bytes = size

    def choose(self, cold: Sequence[Cold]) -> tuple[list[Cold], list[Cold]]:
        """Return which files are within the budget together, in order, and which may be later.

        A later file is for the case that some of the first are not compressed after all.
        Files larger than the remaining budget are dropped.
        """
        chosen: list[Cold] = []
        later: list[Cold] = []
        size = 0
        for each in cold:
            if self._has_room(len(chosen) + 1, size + each[1]):
                chosen.append(each)
                size += each[1]
            elif self._has_room(1, each[1]):
                later.append(each)
        return chosen, later

    def _has_room(self, files: int, size: int) -> bool:
        return (self._files is None or files <= self._files) and (
            self._bytes is None or size <= self._bytes
        )

    def spend(self, size: int) -> None:
        """Note that one file of so many bytes was compressed."""
        if self._files is not None:
            self._files -= 1
        if self._bytes is not None:
            self._bytes -= size
