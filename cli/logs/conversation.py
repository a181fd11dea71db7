"""An agent's JSON events as a conversation, a few lines each."""

from __future__ import annotations

from collections.abc import Iterator

from ...agents.conversation import ReadSaid, Said, SaidKind
from ..ui.terminal import neutral, one_line
from .styles import Style

_MOST_LINES = 20
_LONGEST = 2000
_STYLES = {
    SaidKind.PROMPT: Style.PROMPT,
    SaidKind.REASONING: Style.FAINT,
    SaidKind.COMMAND: Style.TOOL,
    SaidKind.TOOL: Style.TOOL,
    SaidKind.NOTE: Style.FAINT,
    SaidKind.ERROR: Style.ERROR,
}

StyledLine = tuple[str, Style]


class Conversation:
    """Turns the events of one agent into lines. What was just said is not said again."""

    def __init__(self, read: ReadSaid) -> None:
        self._read = read
        self._last = ""

    def lines_of(self, line: bytes) -> list[StyledLine] | None:
        """Return the lines to show for a line of output; None where it is no event."""
        said = self._read(line)
        if said is None:
            return None
        return [shown for each in said if not self._is_repeated(each) for shown in _shown(each)]

    def _is_repeated(self, said: Said) -> bool:
        # claude's result repeats its last message, and codex tells an error twice.
        if said.kind not in (SaidKind.MESSAGE, SaidKind.ERROR):
            return False
        repeated, self._last = said.text == self._last, said.text
        return repeated


def _shown(said: Said) -> Iterator[StyledLine]:
    lines = neutral(said.text.strip("\n")).split("\n")
    style = _STYLES.get(said.kind, Style.PLAIN)
    name = one_line(said.name)
    match said.kind:
        case SaidKind.RESULT:
            yield from _result([line for line in _folded(lines) if line or len(lines) > 1], name)
        case SaidKind.COMMAND | SaidKind.TOOL:
            yield from _indented(
                "▸ ", [f"{name}  {lines[0]}" if name else lines[0], *lines[1:]], style
            )
        case SaidKind.NOTE:
            yield from _indented(
                "· ", [f"{name}  {lines[0]}" if name else lines[0], *lines[1:]], style
            )
        case SaidKind.ERROR:
            yield from _indented("✗ ", lines, style)
        case SaidKind.PROMPT:
            yield from _indented("» ", lines, style)
        case SaidKind.REASONING:
            yield from ((line, style) for line in _folded(lines))
        case SaidKind.MESSAGE:
            yield from ((line, style) for line in lines)


def _indented(mark: str, lines: list[str], style: Style) -> Iterator[StyledLine]:
    for number, line in enumerate(_folded(lines)):
        yield f"{'  ' if number else mark}{line}", style


def _result(lines: list[str], ended: str) -> Iterator[StyledLine]:
    yield from ((f"  │ {line}", Style.FAINT) for line in lines)
    if ended:
        bad = ended not in ("exit 0", "completed")
        yield f"  └ {ended}", Style.ERROR if bad else Style.FAINT


def _folded(lines: list[str]) -> list[str]:
    """Keep the beginning and the end of a long text, with a note of the gap."""
    short = [line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…" for line in lines]
    if len(short) <= _MOST_LINES:
        return short
    half = _MOST_LINES // 2
    gap = f"… {len(short) - 2 * half} more lines (--raw has them)"
    return [*short[:half], gap, *short[-half:]]
