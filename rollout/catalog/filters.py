"""Which rollouts are wanted: by their names, and by what they say of themselves."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from ...kernel.values import frozen
from ..reading.moments import local_as_utc, moment_of, name_stamp
from ..store.names import RolloutForm
from ..store.rollout_ref import RolloutRef
from ..store.scan import StoreScan, UnreadableDirectory, scan_store

if TYPE_CHECKING:
    from ..reading.heads import RolloutHead


@frozen
class Filters:
    """Which rollouts are wanted; None wants all.

    :param since: the first beginning that is wanted, RFC 3339 in UTC with a ``Z`` as codex
        writes it. Or local time as names write it, ``YYYY-MM-DD[THH-MM-SS]``.
    :param until: the first beginning that is no longer wanted, written in the same way.
    :param cwd: directory at or below which the agent worked, by whatever path.
    :param threads: ids of the threads wanted, as when an issue's are known.
    :param archived: only archived ones, or only active ones.
    :param form: only plain ones, or only those that exist compressed alone.
    :param subagents: only threads of subagents, or only those of users.
    """

    since: str | None = None
    until: str | None = None
    cwd: str | None = None
    threads: frozenset[str] | None = None
    archived: bool | None = None
    form: RolloutForm | None = None
    subagents: bool | None = None


class Chooser:
    """Judges rollouts by some filters; links are resolved once for each directory."""

    def __init__(self, filters: Filters) -> None:
        self._filters = filters
        self._since = None if filters.since is None else _moment(filters.since)
        self._until = None if filters.until is None else _moment(filters.until)
        # A name is in some zone's time, and so within a day of the moment.
        self._first = "" if self._since is None else name_stamp(self._since, -1)
        self._last = "~" if self._until is None else name_stamp(self._until, 1)
        self._real: dict[str, str] = {}
        timed = (self._since, self._until) != (None, None)
        self._looks_at_names = timed or (filters.threads, filters.form) != (None, None)
        self.looks_at_heads = timed or (filters.cwd, filters.subagents) != (None, None)

    def scan(self, home: str | os.PathLike[str]) -> StoreScan:
        """Scan the places that are wanted."""
        archived = self._filters.archived
        return scan_store(home, active=archived is not True, archived=archived is not False)

    def by_name(
        self,
        rollouts: list[RolloutRef],
        current: Callable[[RolloutRef], RolloutRef] = lambda each: each,
    ) -> list[RolloutRef]:
        """Keep those whose names fit; one near either end of the time wanted may not fit yet.

        :param current: the file whose form counts, where a thread has several.
        """
        if not self._looks_at_names:
            return rollouts
        return [each for each in rollouts if self._fits_name(each, current(each))]

    def _fits_name(self, rollout: RolloutRef, current: RolloutRef) -> bool:
        wanted = self._filters
        return (
            self._first <= rollout.name.timestamp <= self._last
            and (wanted.threads is None or rollout.thread_id in wanted.threads)
            and (wanted.form is None or (wanted.form is RolloutForm.PLAIN) == current.plain_seen)
        )

    def fits(self, rollout: RolloutRef, head: RolloutHead, began: str | None = None) -> bool:
        """Decide by what a rollout says of itself.

        :param began: the moment its thread began, where that is another file's.
        """
        if not self.looks_at_heads:
            return True
        if self._since is not None or self._until is not None:
            then = moment_of(rollout.name, head.began) if began is None else began
            if then < (self._since or "") or (self._until is not None and then >= self._until):
                return False
        return self._fits_meta(head)

    def _fits_meta(self, head: RolloutHead) -> bool:
        cwd, subagents = self._filters.cwd, self._filters.subagents
        if subagents is not None and subagents != is_subagent(head):
            return False
        return cwd is None or (head.meta is not None and self._lies_in(head.meta.cwd, cwd))

    def _lies_in(self, directory: str, above: str) -> bool:
        if lies_in(directory, above):
            return True
        absolute = directory.startswith("/")
        return absolute and lies_in(self._resolved(directory), self._resolved(above))

    def _resolved(self, path: str) -> str:
        known = self._real.get(path)
        if known is None:
            try:
                known = os.path.realpath(path)
            except (OSError, ValueError):  # what an agent wrote need not be a path
                known = path
            self._real[path] = known
        return known


def is_subagent(head: RolloutHead) -> bool:
    """Tell whether another thread's agent began this one."""
    return head.meta is not None and head.meta.subagent != ""


def _moment(text: str) -> str:
    return text if text.endswith("Z") else local_as_utc(text)


def select_files(
    home: str | os.PathLike[str], filters: Filters
) -> tuple[list[RolloutRef], list[UnreadableDirectory]]:
    """Find the rollout files that are wanted, every one of a thread that has several."""
    found, unreadable = select_rollouts(home, filters)
    chooser = Chooser(filters)
    if not chooser.looks_at_heads:
        return found, unreadable
    from ..reading.heads import HeadReader  # a search loads what reads while ripgrep is at work

    with HeadReader() as heads:
        return [each for each in found if chooser.fits(each, heads.read(each))], unreadable


def select_rollouts(
    home: str | os.PathLike[str], filters: Filters
) -> tuple[list[RolloutRef], list[UnreadableDirectory]]:
    """Find the rollouts whose names fit; the second part of a filter needs their heads."""
    chooser = Chooser(filters)
    scan = chooser.scan(home)
    return chooser.by_name(scan.rollouts), scan.unreadable


def lies_in(directory: str, above: str) -> bool:
    """Tell whether a directory is another or lies below it, by their names alone."""
    return directory == above or directory.startswith(above.rstrip("/") + "/")
