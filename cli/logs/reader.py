"""Read the output of one run in rounds: what is there, and then what comes."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing

from ...kernel.errors import CallerError
from ...kernel.process.identity import is_running
from ...supervisor.history.run_entry import RunEntry
from ...supervisor.logs.of_run import NoLogs, follow_run, open_logs
from ...supervisor.logs.run_logs import Piece, RunLogs, StreamName
from ...supervisor.records.registry import read_entry
from ..ui.faults import Faults
from .show import Look, Shower

_LOOK_AGAIN = 0.1
_FIRST_WINDOW = 64 * 1024
_WIDER = 8
_NO_ORDER = "nothing tells in which order both streams came: stderr stands first, then stdout"


class NoTimes(CallerError):
    """A run from before the index has no times."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        super().__init__(f"--since: nothing tells when run {run_id} wrote; -n shows its last lines")


def wait_for_logs(entry: RunEntry, *, follow: bool) -> RunLogs:
    """Open the logs of a run; one that has not come so far yet is waited for.

    :raises NoLogs: it has none; or has none yet, and is not followed.
    """
    while (logs := open_logs(entry)) is None:
        if not follow:
            raise NoLogs(entry.run_id, "has written nothing yet; -f waits for it")
        if not is_running(entry.guardian):
            # Its end may just have been written down.
            entry = read_entry(entry.run_id) or entry
            if entry.finished is None:
                raise NoLogs(entry.run_id, "has no logs: it was killed before its agent began")
            continue
        time.sleep(_LOOK_AGAIN)
    return logs


class OutputReader:
    """The output of one run for one reader; what is wrong is told once, on stderr.

    :param streams: the ones to show.
    :param follow: go on until the run is over.
    """

    def __init__(
        self, entry: RunEntry, logs: RunLogs, streams: frozenset[StreamName], *, follow: bool
    ) -> None:
        self._entry = entry
        self._logs = logs
        self._streams = streams
        self._follow = follow
        self._told: set[str] = set()
        self.faults = Faults()

    def go_to_time(self, moment: float) -> None:
        """Begin with what came at a moment or later.

        :raises NoTimes: nobody knows when anything came.
        """
        if not self._logs.has_order and not self._logs.is_empty:
            raise NoTimes(self._entry.run_id)
        self._logs.go_to_time(moment)

    def rounds(self) -> Iterator[Iterator[Piece]]:
        """Yield the pieces that are there, then those that come; each round is read to its end.

        :raises BrokenPipeError: the reader of stdout has gone.
        """
        self._tell_of_order()
        if not self._follow:
            yield self._pieces(over=True)
            return
        with closing(follow_run(self._entry, self._logs)) as follower:
            while True:
                over = follower.is_over()
                yield self._pieces(over=over)
                if over or self._is_gone():
                    return
                follower.wait(1)

    def _pieces(self, *, over: bool) -> Iterator[Piece]:
        for piece in self._logs.read(over=over):
            if piece.stream in self._streams:
                yield piece
        for problem in set(self._logs.problems) - self._told:
            self._told.add(problem)
            self.faults.tell(f"run {self._entry.run_id}", problem)

    def _is_gone(self) -> bool:
        if not self._logs.is_gone:
            return False
        self.faults.tell(f"run {self._entry.run_id}", "its logs were removed while it was followed")
        return True

    def _tell_of_order(self) -> None:
        if not self._logs.has_order and len(self._streams) > 1 and self._logs.has_both:
            sys.stderr.write(f"codexlab: run {self._entry.run_id}: {_NO_ORDER}\n")

    def show(self, look: Look, lines: int | None, *, from_here: bool) -> None:
        """Write lines to stdout.

        :param lines: at first only so many, the last; None: all.
        :param from_here: begin where the reader stands, and not before.
        """
        write = sys.stdout.buffer.write
        shower = Shower(look, write)
        if lines is not None:
            shower, kept = self._last_lines(look, lines, from_here=from_here)
            for line in kept:
                write(line)
            shower.redirect(write)
        for pieces in self.rounds():
            for piece in pieces:
                shower.feed(piece)
            sys.stdout.flush()
        shower.finish()
        sys.stdout.flush()

    def _last_lines(
        self, look: Look, count: int, *, from_here: bool
    ) -> tuple[Shower, deque[bytes]]:
        size = _FIRST_WINDOW
        while True:
            everything = from_here or self._logs.go_to_last(size)
            kept: deque[bytes] = deque(maxlen=count)
            shower = Shower(look, kept.append)
            for piece in self._pieces(over=not self._follow):
                shower.feed(piece)
            if not self._follow:
                shower.finish()
            if everything or len(kept) >= count:
                return shower, kept
            size *= _WIDER

    def copy(self) -> None:
        """Write every byte to stdout as it came."""
        write: Callable[[bytes], int] = sys.stdout.buffer.write
        for pieces in self.rounds():
            for piece in pieces:
                write(piece.data)
            sys.stdout.flush()
