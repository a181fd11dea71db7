"""Threads of several files: which there are, in what order they came, and what one goes on from.

A user edits an earlier message, and codex (0.150 and later) goes back to it in the thread.
codex then leaves the file as it is and goes on in a new file,
``rollout-…-<thread>_<piece>.jsonl``. Its ``history_base`` says which file comes before
it, and up to where. That file is named by its *piece*: the id behind the underscore, or the
thread's own for its first file. A fork of such a thread begins with another thread's piece
in the same way.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ...kernel.values import frozen
from ..reading.heads import read_head
from ..reading.moments import moment_of
from ..reading.records import is_object, text_of
from ..reading.session_meta import SessionMetaError, read_session_meta
from ..reading.snapshot import NoSuchRolloutError, NotARolloutFileError
from ..store.directory import scan_directory
from ..store.names import is_thread_id
from ..store.rollout_ref import RolloutRef
from ..store.roots import RootName
from ..store.scan import scan_store

# No person goes back so often; a circle of files would not end.
_MOST = 1000


@dataclass(frozen=True, slots=True)
class Cut:
    """The end, within a file, of the part that a thread goes on from.

    :param offset: the first byte of the plain form that no longer counts.
    :param ordinal: the first ordinal that no longer counts.
    """

    offset: int
    ordinal: int

    def takes(self, record: dict[str, Any] | None, offset: int = 0) -> bool:
        """Tell whether a line counts, by its record's ordinal and, where known, its first byte."""
        ordinal = None if record is None else record.get("ordinal")
        return offset < self.offset and not (isinstance(ordinal, int) and ordinal >= self.ordinal)


@frozen
class Stretch:
    """A part of a history that lies in one file.

    :param cut: where it ends; None for the end of the file.
    """

    rollout: RolloutRef
    cut: Cut | None


@frozen
class History:
    """All that a thread goes on from, file by file.

    :param stretches: oldest first; the last is the file that was asked about.
    :param problem: why what came before is missing, "" when nothing is.
    """

    stretches: tuple[Stretch, ...]
    problem: str


@frozen
class ThreadFiles:
    """A thread that has several files.

    :param files: oldest first; the thread goes on in the last one that is not archived.
    :param began: the moment in the oldest.
    """

    files: tuple[RolloutRef, ...]
    began: str

    @property
    def current(self) -> RolloutRef:
        """The file in which the thread goes on."""
        return max(self.files, key=lambda each: not each.archived and self.files.index(each))


class Pieces:
    """Finds pieces by their id: among rollouts that are known, else in a home.

    :param home: where to look for what is not known.
    :param known: all rollouts of the home, where somebody has looked already.
    """

    def __init__(
        self, home: str | os.PathLike[str], known: Iterable[RolloutRef] | None = None
    ) -> None:
        self._home = os.fspath(home)
        self._known = None if known is None else _by_piece(known)
        self._looked: dict[str, RolloutRef | None] = {}

    def find(self, piece: str, beside: str) -> RolloutRef | None:
        """Return the file that a piece is, an active one before an archived one.

        :param beside: a directory that is looked into first.
        """
        if self._known is not None:
            return self._known.get(piece)
        if piece not in self._looked:
            self._looked[piece] = self._look(piece, beside)
        return self._looked[piece]

    def _look(self, piece: str, beside: str) -> RolloutRef | None:
        archived = os.path.basename(beside) == RootName.ARCHIVED
        try:
            near = scan_directory(beside, archived=archived, containing=piece).rollouts
        except OSError:
            near = []
        found = _by_piece(near).get(piece)
        return found or _by_piece(scan_store(self._home, containing=piece).rollouts).get(piece)


def piece_of(rollout: RolloutRef) -> str:
    """Return the id by which other files say that they go on from this one."""
    return rollout.name.rollout_id or rollout.thread_id


def _by_piece(rollouts: Iterable[RolloutRef]) -> dict[str, RolloutRef]:
    found: dict[str, RolloutRef] = {}
    for rollout in rollouts:
        piece = piece_of(rollout)
        if piece not in found or found[piece].archived:
            found[piece] = rollout
    return found


def history_of(rollout: RolloutRef, pieces: Pieces) -> History:
    """Follow a rollout back to where its history begins."""
    stretches = [Stretch(rollout, None)]
    seen = {rollout.path}
    while True:
        file = stretches[0].rollout
        base = _base_of(file)
        if base is None:
            return History(tuple(stretches), "")
        piece, cut = base
        before = pieces.find(piece, file.directory)
        if before is None or before.path in seen or len(stretches) == _MOST:
            why = "is not in this home" if before is None else "comes after itself"
            return History(
                tuple(stretches), f"the thread that it continues is missing: {piece} {why}"
            )
        seen.add(before.path)
        stretches.insert(0, Stretch(before, cut))


def _base_of(rollout: RolloutRef) -> tuple[str, Cut] | None:
    try:
        base = read_session_meta(rollout.path).raw.get("history_base")
    except (SessionMetaError, NoSuchRolloutError, NotARolloutFileError, OSError):
        return None
    if not is_object(base):
        return None
    piece = text_of(base.get("thread_id")).lower()
    offset, ordinal = base.get("end_byte_offset"), base.get("end_ordinal_exclusive")
    if not (is_thread_id(piece) and isinstance(offset, int) and isinstance(ordinal, int)):
        return None
    return piece, Cut(offset, ordinal)


def take_threads(rollouts: list[RolloutRef]) -> dict[str, ThreadFiles]:
    """Return the threads that went on in a new file, with all of theirs, oldest first."""
    several = {each.thread_id for each in rollouts if "_" in each.name.plain_name}
    if not several:
        return {}
    files: defaultdict[str, list[RolloutRef]] = defaultdict(list)
    for rollout in rollouts:
        if rollout.thread_id in several:
            files[rollout.thread_id].append(rollout)
    return {thread: _in_order(of_thread) for thread, of_thread in files.items()}


def _in_order(files: list[RolloutRef]) -> ThreadFiles:
    moments = {each.path: began(each) for each in files}
    files = sorted(files, key=lambda each: (moments[each.path], each.name.order))
    return ThreadFiles(tuple(files), moments[files[0].path])


def began(rollout: RolloutRef) -> str:
    """Read when a rollout began."""
    return moment_of(rollout.name, read_head(rollout.path).began)


def cuts_of(threads: Mapping[str, ThreadFiles], pieces: Pieces) -> dict[str, Cut]:
    """Say of each file of these threads where what counts ends; paths without an end are left out.

    A file that the thread does not go on from at all counts up to its first byte.
    """
    cuts: dict[str, Cut] = {}
    for files in threads.values():
        cuts |= {each.path: Cut(0, 0) for each in files.files}
        for stretch in history_of(files.current, pieces).stretches:
            if stretch.cut is None:
                cuts.pop(stretch.rollout.path, None)
            elif stretch.rollout.path in cuts:
                cuts[stretch.rollout.path] = stretch.cut
    return cuts
