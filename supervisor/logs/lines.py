"""Cut the pieces of a run's output into lines, each stream's for itself."""

from __future__ import annotations

from collections.abc import Iterator

from ...kernel.values import frozen
from .run_logs import Piece, StreamName

_LONGEST = 1 << 20


@frozen
class OutputLine:
    """One line, without its end.

    :param when: its first byte came, in seconds since the epoch; None where nobody knows.
    """

    stream: StreamName
    when: float | None
    text: bytes


class LineCutter:
    """Puts the pieces of a line together. A line longer than 1 MiB is returned in parts."""

    def __init__(self) -> None:
        self._begun: dict[StreamName, OutputLine] = {}

    def feed(self, piece: Piece) -> Iterator[OutputLine]:
        """Return the lines that a piece completes."""
        begun = self._begun.pop(piece.stream, None)
        when = piece.when if begun is None else begun.when
        *lines, rest = ((b"" if begun is None else begun.text) + piece.data).split(b"\n")
        for line in lines:
            yield OutputLine(piece.stream, when, line)
            when = piece.when
        while len(rest) > _LONGEST:
            yield OutputLine(piece.stream, when, rest[:_LONGEST])
            rest = rest[_LONGEST:]
        if rest:
            self._begun[piece.stream] = OutputLine(piece.stream, when, rest)

    def finish(self) -> Iterator[OutputLine]:
        """Return the lines that were begun: a killed agent ends without an end of its line."""
        yield from self._begun.values()
        self._begun.clear()
