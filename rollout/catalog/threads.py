"""The threads of a home that are wanted, newest first, each with the file in which it goes on.

A thread that has several files stands where its first one does. Names are in the local time
of their writers, so their order is only near that of the moments. All files of a day are
read, and then the moments in them decide.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from operator import attrgetter, ge, itemgetter
from typing import NamedTuple

from ..reading.heads import HeadReader, RolloutHead
from ..reading.moments import latest_moment, moment_of, name_stamp
from ..store.rollout_ref import RolloutRef
from .filters import Chooser, Filters
from .pieces import ThreadFiles, take_threads

Key = tuple[int | str, str, bool]
"""The key of a listing: a time, the name of the first file, and whether that file is active."""

_by_name = attrgetter("name.plain_name")
_by_head = attrgetter("head.began")
_by_key = itemgetter(0)


class ListEntry(NamedTuple):
    """One thread of a page: the file in which it goes on, and its head."""

    # No dataclass: these are made by the ten thousand, at a third of the cost.

    rollout: RolloutRef
    head: RolloutHead


def moment_of_thread(entry: ListEntry, several: dict[str, ThreadFiles]) -> str:
    """Return when an entry's thread began, as codex writes times."""
    files = several.get(entry.rollout.thread_id) if several else None
    return moment_of(entry.rollout.name, entry.head.began) if files is None else files.began


class Threads:
    """The threads of a home that some filters want.

    :param heads: reads them.
    """

    def __init__(self, home: str | os.PathLike[str], wanted: Filters, heads: HeadReader) -> None:
        self._heads, self._chooser = heads, Chooser(wanted)
        scan = self._chooser.scan(home)
        self.unreadable = scan.unreadable
        self.several = take_threads(scan.rollouts)
        firsts = scan.rollouts
        if self.several:
            firsts = [each for each in firsts if self._files(each).files[0] is each]
        self._found = self._chooser.by_name(firsts, self._current)
        # A scan gives the active one of two equal names first, and sorting keeps that.
        self._found.sort(key=_by_name, reverse=True)

    def key_by_moment(self, entry: ListEntry) -> Key:
        """Return the key by which entries are ordered by their beginning."""
        first = self._files(entry.rollout).files[0]
        return (moment_of_thread(entry, self.several), first.name.plain_name, not first.archived)

    def key_by_change(self, entry: ListEntry) -> Key:
        """Return the key by which entries are ordered by their last change."""
        return self._changed_key(self._files(entry.rollout).files[0])

    def all_by_moment(self) -> list[ListEntry]:
        """Read all, newest first. Mostly their names have that order already."""
        read, current = self._heads.read, self._current
        if self.several:
            entries = [ListEntry(file := current(each), read(file)) for each in self._found]
        else:
            entries = [ListEntry(each, read(each)) for each in self._found]
        if self._chooser.looks_at_heads:
            entries = list(filter(self._fits, entries))
        begun = [self._said(each) for each in entries] if self.several else map(_by_head, entries)
        begun = list(begun)
        if not all(map(ge, begun, islice(begun, 1, None))):
            entries.sort(key=self._moment, reverse=True)
        return entries

    def by_moment(self, behind: Key | None) -> Iterator[ListEntry]:
        """Read as many as are asked for, newest first.

        :param behind: leave out those up to this key.
        """
        waiting: list[tuple[Key, ListEntry]] = []
        start, day = "~" if behind is None else name_stamp(str(behind[0]), 1), ""
        for first in self._found:
            stamp = first.name.timestamp
            if stamp > start:
                continue
            if stamp[:10] != day:
                # Nothing that is still to be read began later than that.
                day, latest = stamp[:10], latest_moment(first.name)
                waiting.sort(key=_by_key, reverse=True)
                ready = sum(str(key[0]) > latest for key, _ in waiting)
                yield from (entry for _, entry in waiting[:ready])
                del waiting[:ready]
            entry = self._entry(first)
            key = self.key_by_moment(entry)
            if (behind is None or key < behind) and self._fits(entry):
                waiting.append((key, entry))
        waiting.sort(key=_by_key, reverse=True)
        yield from (entry for _, entry in waiting)

    def by_change(self, behind: Key | None) -> Iterator[ListEntry]:
        """Read as many as are asked for, those first that changed last."""
        keyed = [(self._changed_key(first), first) for first in self._found]
        keyed.sort(key=_by_key, reverse=True)
        for key, first in keyed:
            if behind is None or key < behind:
                entry = self._entry(first)
                if self._fits(entry):
                    yield entry

    def _files(self, rollout: RolloutRef) -> ThreadFiles:
        files = self.several.get(rollout.thread_id) if self.several else None
        return ThreadFiles((rollout,), "") if files is None else files

    def _current(self, first: RolloutRef) -> RolloutRef:
        files = self.several.get(first.thread_id) if self.several else None
        return first if files is None else files.current

    def _entry(self, first: RolloutRef) -> ListEntry:
        file = self._current(first)
        return ListEntry(file, self._heads.read(file))

    def _fits(self, entry: ListEntry) -> bool:
        files = self.several.get(entry.rollout.thread_id) if self.several else None
        return self._chooser.fits(entry.rollout, entry.head, None if files is None else files.began)

    def _said(self, entry: ListEntry) -> str:
        files = self.several.get(entry.rollout.thread_id)
        return entry.head.began if files is None else files.began

    def _moment(self, entry: ListEntry) -> str:
        return moment_of_thread(entry, self.several)

    def _changed_key(self, first: RolloutRef) -> Key:
        changed = max(map(_mtime, self._files(first).files))
        return (changed, first.name.plain_name, not first.archived)


def _mtime(rollout: RolloutRef) -> int:
    for path in (rollout.path, rollout.compressed_path, rollout.path):
        try:
            return os.stat(path).st_mtime_ns
        except OSError:
            continue
    return 0
