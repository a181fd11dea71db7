"""Which modes of a terminal an agent has switched on, and what switches them off: pure.

Only what was seen on and not off is undone, so a terminal that the agent left as it was
gets no byte. Sequences may be cut anywhere, and no more than one sequence is held.

Terminals pass over control characters within a sequence; CAN, SUB and ESC alone end it. As
ESC ends a string (OSC, DCS) too, strings need not be followed. Some terminals hear U+009B,
or the byte 9B, as they hear ``ESC [``, and others do not; a mode that is on for either is on.
"""

from __future__ import annotations

import re

_SEQUENCE = re.compile(
    rb"\x1b(?:"
    rb"\[(?P<mark>[<-?]?)(?P<numbers>[0-9;:]*)(?P<middle>[ -/]*)(?P<final>[@-~])"
    rb"|(?P<escape>[ -/]*[0-Z\\-~])"
    rb")"
)
_BEGUN = re.compile(rb"\x1b(?:\[[<-?]?[0-9;:]*[ -/]*|[ -/]*)\Z")
_PASSED_OVER = bytes({*range(0x20), 0x7F} - {0x18, 0x1A, 0x1B})
# Not where it is a later byte of a letter in UTF-8; of U+009B it is the last.
_EIGHT_BIT = re.compile(
    rb"(?<![\xc3-\xf4])(?<![\xe0-\xf4][\x80-\xbf])(?<![\xf0-\xf4][\x80-\xbf]{2})\x9b"
)
_LETTER = 4
_LONGEST = 4096

_ALTERNATE = (47, 1047, 1049)
# Off at any other time, in the order in which they are undone.
_OFF = (2026, 1000, 1001, 1002, 1003, 1005, 1006, 1015, 1016, 1004, 2004, 2031, 1, 5, 6, 66)
_ON = (7, 25)


class TerminalModes:
    """Follows an agent's output."""

    def __init__(self) -> None:
        self._seven_bit = _Terminal()
        # From the first sequence on that the other would not hear.
        self._eight_bit: _Terminal | None = None
        self._before = b""

    def feed(self, data: bytes) -> None:
        """Take in the next bytes."""
        whole, at = self._before + data, len(self._before)
        if self._eight_bit is None and b"\x9b" in data and _EIGHT_BIT.search(whole, at):
            self._eight_bit = self._seven_bit.copy()
        self._seven_bit.feed(data)
        if self._eight_bit is not None:
            self._eight_bit.feed(_spell_out(whole, at))
        self._before = whole[1 - _LETTER :]

    def undo(self) -> bytes:
        """Return what switches off whatever is on; nothing where nothing is."""
        if self._eight_bit is None:
            return self._seven_bit.undo()
        return self._seven_bit.copy(self._eight_bit).undo()


def _spell_out(whole: bytes, at: int) -> bytes:
    """Return the bytes from ``at`` on, with ``ESC [`` for what means the same."""
    parts: list[bytes] = []
    for found in _EIGHT_BIT.finditer(whole, at):
        parts += [whole[at : found.start()], b"\x1b["]
        at = found.end()
    return b"".join([*parts, whole[at:]])


class _Terminal:
    """The modes that are on for a terminal that hears only seven bits."""

    def __init__(self) -> None:
        self._rest = b""
        self._reset()

    def _reset(self) -> None:
        self._on: set[int] = set()
        self._off: set[int] = set()
        self._other: dict[str, bytes] = {}
        # A terminal keeps the keyboard's modes of its two screens apart.
        self._pushed = {False: 0, True: 0}

    def copy(self, more: _Terminal | None = None) -> _Terminal:
        """Return another that has the same on, and what ``more`` has on."""
        new, both = _Terminal(), (self, more or self)
        new._rest = self._rest
        new._on = set().union(*(each._on for each in both))
        new._off = set().union(*(each._off for each in both))
        new._other = {what: undo for each in both for what, undo in each._other.items()}
        new._pushed = {
            screen: max(each._pushed[screen] for each in both) for screen in self._pushed
        }
        return new

    def feed(self, data: bytes) -> None:
        """Take in the next bytes."""
        data, self._rest, at = self._rest + data.translate(None, _PASSED_OVER), b"", 0
        while (at := data.find(b"\x1b", at)) >= 0:
            if (found := _SEQUENCE.match(data, at)) is not None:
                self._take(found)
                at = found.end()
            elif len(data) - at < _LONGEST and _BEGUN.match(data, at):
                self._rest = data[at:]
                return
            else:
                at += 1

    def undo(self) -> bytes:
        """Return what switches off whatever is on; nothing where nothing is."""
        alternate = self._is_alternate()
        parts = [b"\x1b[?%dl" % mode for mode in _OFF if mode in self._on]
        parts += [self._pop(screen=True)] if alternate else []
        parts += [b"\x1b[?%dl" % mode for mode in _ALTERNATE if mode in self._on]
        parts += [self._pop(screen=False), *self._other.values()]
        parts += [b"\x1b[?%dh" % mode for mode in _ON if mode in self._off]
        return b"".join(parts)

    def _pop(self, *, screen: bool) -> bytes:
        count = self._pushed[screen]
        return b"\x1b[<%du" % count if count else b""

    def _is_alternate(self) -> bool:
        return not self._on.isdisjoint(_ALTERNATE)

    def _take(self, found: re.Match[bytes]) -> None:
        if (escape := found["escape"]) is not None:
            self._take_escape(escape)
        else:
            numbers = [_read_number(text) for text in re.split(rb"[;:]", found["numbers"])]
            self._take_control(found["mark"], numbers, found["middle"] + found["final"])

    def _take_escape(self, escape: bytes) -> None:
        if escape == b"c":
            self._reset()
        elif escape == b"=":
            self._other["keypad"] = b"\x1b>"
        elif escape == b">":
            self._other.pop("keypad", None)
        elif escape.startswith(b"(") and escape != b"(B":
            self._other["letters"] = b"\x1b(B"
        elif escape == b"(B":
            self._other.pop("letters", None)

    def _take_control(self, mark: bytes, numbers: list[int], name: bytes) -> None:
        first = numbers[0]
        if mark == b"?" and name in (b"h", b"l"):
            self._switch(numbers, on=name == b"h")
        elif name == b"u":
            self._take_keyboard(mark, first)
        elif mark == b">" and name in (b"m", b"n") and first == 4:
            on = name == b"m" and len(numbers) > 1 and numbers[1] != 0
            self._note("other keys", b"\x1b[>4m", on=on)
        elif (mark, name) == (b"", b"r"):
            # Resetting it moves the cursor.
            self._note("region", b"\x1b7\x1b[r\x1b8", on=any(numbers))
        elif (mark, name) == (b"", b" q"):
            self._note("cursor", b"\x1b[0 q", on=first != 0)
        elif (mark, name) == (b"", b"!p"):
            self._soft_reset()

    def _switch(self, modes: list[int], *, on: bool) -> None:
        for mode in modes:
            if mode in _ON:
                (self._off.discard if on else self._off.add)(mode)
            elif mode in _OFF or mode in _ALTERNATE:
                (self._on.add if on else self._on.discard)(mode)

    def _take_keyboard(self, mark: bytes, number: int) -> None:
        screen = self._is_alternate()
        if mark == b">":
            self._pushed[screen] = min(self._pushed[screen] + 1, 99)
        elif mark == b"<":
            self._pushed[screen] = max(self._pushed[screen] - max(number, 1), 0)
        elif mark == b"=":
            self._note("keyboard", b"\x1b[=0u", on=number != 0)

    def _note(self, what: str, undo: bytes, *, on: bool) -> None:
        if on:
            self._other[what] = undo
        else:
            self._other.pop(what, None)

    def _soft_reset(self) -> None:
        """Take what DECSTR puts back (VT510)."""
        self._on.difference_update((1, 6, 66))
        self._off.difference_update(_ON)
        for what in ("keypad", "letters", "region"):
            self._other.pop(what, None)


def _read_number(text: bytes) -> int:
    """Return its value, or one that is no mode's where it is too long for any."""
    return int(text.lstrip(b"0")[:6] or 0)
