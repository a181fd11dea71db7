"""Show the pieces of a run's output: as lines for a person, as JSON, or as bytes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from ...agents.conversation import ReadSaid
from ...kernel.values import frozen
from ...supervisor.logs.lines import LineCutter, OutputLine
from ...supervisor.logs.run_logs import Piece, StreamName
from ..ui.terminal import neutral
from .conversation import Conversation, StyledLine
from .styles import Style, local_text, styled, utc_text

# Colours; and for a terminal's own log, every command to the screen (ECMA-48: CSI, OSC, ESC).
_COLOURS = r"\x1b\[[0-9;:]*m"
_COMMANDS = r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]"


@frozen
class Look:
    """How output is shown.

    :param terminal: for a terminal: nothing in it is obeyed, and stderr is faint.
    :param coloured: with our own colours.
    :param times: with the time before each line.
    :param as_json: one object a line.
    :param read: makes a conversation of an agent's events; None: lines as they are.
    """

    terminal: bool = False
    coloured: bool = False
    times: bool = False
    as_json: bool = False
    read: ReadSaid | None = None


class Shower:
    """Turns pieces into lines for one reader.

    :param write: takes each line, with its end.
    """

    def __init__(self, look: Look, write: Callable[[bytes], object]) -> None:
        self._look = look
        self._cutter = LineCutter()
        self._conversation = None if look.read is None else Conversation(look.read)
        self.write = write

    def redirect(self, write: Callable[[bytes], object]) -> None:
        """Give the lines from now on to another taker."""
        self.write = write

    def feed(self, piece: Piece) -> None:
        """Show the lines that a piece completes."""
        for line in self._cutter.feed(piece):
            self._show(line)

    def finish(self) -> None:
        """Show what is left as lines."""
        for line in self._cutter.finish():
            self._show(line)

    def _show(self, line: OutputLine) -> None:
        look = self._look
        if look.as_json:
            self.write(_json(line))
        elif (said := self._said(line)) is not None:
            self._write_styled(line, said)
        elif look.terminal:
            self._write_styled(line, [(_plain(line), _style(line))])
        else:
            time = f"{utc_text(line.when) or '-'} ".encode() if look.times else b""
            self.write(time + line.text + b"\n")

    def _said(self, line: OutputLine) -> list[StyledLine] | None:
        if self._conversation is None or line.stream is not StreamName.STDOUT:
            return None
        return self._conversation.lines_of(line.text)

    def _write_styled(self, line: OutputLine, shown: list[StyledLine]) -> None:
        for text, style, time in self._timed(line, shown):
            look = style if self._look.coloured else Style.PLAIN
            self.write((time + styled(text, look) + "\n").encode(errors="replace"))

    def _timed(self, line: OutputLine, shown: list[StyledLine]) -> Iterator[tuple[str, Style, str]]:
        time = ""
        if self._look.times:
            known = local_text(line.when) if self._look.terminal else utc_text(line.when)
            time = f"{known or '-'} "
        for text, style in shown:
            yield text, style, time
            time = " " * len(time)


def _style(line: OutputLine) -> Style:
    return Style.FAINT if line.stream is StreamName.STDERR else Style.PLAIN


def _plain(line: OutputLine) -> str:
    text = line.text.removesuffix(b"\r").decode(errors="replace")
    if "\x1b" in text:
        whole = line.stream is StreamName.TERMINAL
        text = re.sub(_COMMANDS if whole else _COLOURS, "", text)
    return neutral(text)


def _json(line: OutputLine) -> bytes:
    from ..ui.json_lines import json_bytes

    text = line.text.decode(errors="replace")
    value = {"time": utc_text(line.when), "stream": line.stream.value, "text": text}
    return json_bytes(value) + b"\n"
