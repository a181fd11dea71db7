"""What one run wrote: both streams, piece by piece, in the order in which they came."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from enum import StrEnum

from ...kernel.files.below import directory_below
from ...kernel.values import frozen
from .index_reader import IndexReader, IndexRecord
from .log_stream import LogStream

_TRIES = 5
_BETWEEN_TRIES = 0.01


class StreamName(StrEnum):
    """A stream that a run keeps a log of."""

    STDOUT = "stdout"
    STDERR = "stderr"
    TERMINAL = "terminal"


@frozen
class Piece:
    """Some bytes of one stream.

    :param when: they came, in seconds since the epoch; None where no index tells.
    """

    stream: StreamName
    when: float | None
    data: bytes


class RunLogs:
    """The logs of one run, which may go on meanwhile. Each byte is returned once.

    :param run_directory: the directory of the run's record and logs.
    :param base: the workspaces root, below which no link is followed.
    :raises OSError: the directory is missing, or something else is in its place.
    """

    def __init__(self, run_directory: str, base: str) -> None:
        with directory_below(run_directory, base) as directory:
            self.directory = os.dup(directory)
        self._index = IndexReader()
        self._streams: dict[StreamName, LogStream] = {}
        self._positions = [0, 0]
        self._when: float | None = None
        self._missed: dict[StreamName, int] = {}
        self._refresh()
        # What was rotated away before we came was not missed.
        for number, stream in enumerate(self._streams.values()):
            self._positions[number] = stream.start

    @property
    def has_order(self) -> bool:
        """Tell whether it is known in which order the streams wrote, and when."""
        return self._index.found

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing was written up to now."""
        return not any(self._ends())

    @property
    def has_both(self) -> bool:
        """Tell whether stdout and stderr were both written to."""
        return all(self._ends()) and len(self._streams) > 1

    @property
    def problems(self) -> list[str]:
        """Return what is wrong with a log, a line for each."""
        found = [stream.problem for stream in self._streams.values() if stream.problem]
        for name, count in self._missed.items():
            found.append(f"{name}.log: {count} bytes were rotated away before they were read")
        return found

    @property
    def is_gone(self) -> bool:
        """Tell whether the directory was removed."""
        return os.fstat(self.directory).st_nlink == 0

    def _refresh(self) -> None:
        if not any(stream.found for stream in self._streams.values()):
            self._streams = {name: LogStream(f"{name}.log") for name in self._names()}
        for number in range(_TRIES):
            # The log is rotated first, and then the index says so.
            strict = number < _TRIES - 1
            heads = self._index.refresh(self.directory) or (None, None)
            done = [
                stream.refresh(self.directory, head, strict=strict)
                for stream, head in zip(self._streams.values(), heads, strict=False)
            ]
            if all(done):
                break
            time.sleep(_BETWEEN_TRIES)

    def _names(self) -> tuple[StreamName, ...]:
        """Return the streams: a run at a terminal has one."""
        there = set(os.listdir(self.directory))
        if "terminal.log" in there and "stdout.log" not in there:
            return (StreamName.TERMINAL,)
        return (StreamName.STDOUT, StreamName.STDERR)

    def go_to_time(self, moment: float) -> None:
        """Go on with what came at a moment or later, from the beginning of its line.

        :param moment: seconds since the epoch. Without an index nothing is known of moments.
        """
        found = self._index.seek(lambda record: record.when >= moment)
        self._go_to(self._ends() if found is None else found.before, found)

    def go_to_last(self, size: int) -> bool:
        """Go on with about so many bytes before the end, from the beginning of a line.

        :returns: whether that is everything.
        """
        ends = self._ends()
        least = sum(ends) - size
        found = self._index.seek(lambda record: sum(record.before) >= least)
        last = found or self._index.last()
        begun = [0, 0] if last is None else last.before
        each = [max(before, end - size) for before, end in zip(begun, ends, strict=False)]
        self._go_to(each if found is None else found.before, last)
        starts = [stream.start for stream in self._streams.values()]
        return all(at <= start for at, start in zip(self._positions, starts, strict=False))

    def go_to_end(self) -> None:
        """Go on with what comes from now on."""
        last = self._index.last()
        self._go_to(self._ends(), last)

    def _go_to(self, positions: Sequence[int], record: IndexRecord | None) -> None:
        streams = self._streams.values()
        for number, (stream, position) in enumerate(zip(streams, positions, strict=False)):
            at = min(max(position, stream.start), stream.end)
            self._positions[number] = stream.line_start(at)
        self._when = None if record is None else record.when

    def _ends(self) -> list[int]:
        return [stream.end for stream in self._streams.values()]

    def read(self, *, over: bool) -> Iterator[Piece]:
        """Return what was not read yet, as far as it is written now.

        :param over: nothing more will come.
        """
        self._refresh()
        ends = self._ends()
        for record in self._index.records():
            # It stands for what came after we looked: next time, then.
            if not over and any(map(int.__gt__, record.before, ends)):
                break
            yield from self._up_to(record.before, ends)
            self._when = record.when
            self._index.take()
        yield from self._up_to(ends, ends)
        for stream, position in zip(self._streams.values(), self._positions, strict=False):
            stream.forget(position)

    def _up_to(self, limits: Sequence[int], ends: Sequence[int]) -> Iterator[Piece]:
        numbered = list(enumerate(self._streams.items()))
        # Without an order, what went wrong comes first.
        for number, (name, stream) in numbered if self.has_order else reversed(numbered):
            limit = min(limits[number], ends[number])
            while (position := self._positions[number]) < limit:
                if data := stream.read(position, limit):
                    self._positions[number] += len(data)
                    yield Piece(name, self._when, data)
                    continue
                missed = min(stream.skip_gap(position), limit) - position
                if not missed:
                    break
                self._positions[number] += missed
                self._missed[name] = self._missed.get(name, 0) + missed

    def close(self) -> None:
        """Close every file."""
        self._index.close()
        for stream in self._streams.values():
            stream.close()
        os.close(self.directory)
