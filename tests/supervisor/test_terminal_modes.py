"""What an agent switched on at a terminal, and nothing else, is switched off again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexlab.supervisor.terminal.modes import TerminalModes

LEFT = {
    "a screen of its own": (b"\x1b[?1049h", b"\x1b[?1049l"),
    "a hidden cursor": (b"\x1b[?25l", b"\x1b[?25h"),
    "the mouse": (b"\x1b[?1000;1006h\x1b[?1003h", b"\x1b[?1000l\x1b[?1003l\x1b[?1006l"),
    "focus and paste": (b"\x1b[?1004h\x1b[?2004h", b"\x1b[?1004l\x1b[?2004l"),
    "the keyboard": (b"\x1b[>1u\x1b[>7u\x1b[>4;2m", b"\x1b[<2u\x1b[>4m"),
    "keys of two screens": (
        b"\x1b[>1u\x1b[?1049h\x1b[>1u\x1b[>1u",
        b"\x1b[<2u\x1b[?1049l\x1b[<1u",
    ),
    "arrow keys and keypad": (b"\x1b[?1h\x1b=", b"\x1b[?1l\x1b>"),
    "a part of the screen": (b"\x1b[2;10r", b"\x1b7\x1b[r\x1b8"),
    "a held screen": (b"\x1b[?2026h", b"\x1b[?2026l"),
    "a form of the cursor": (b"\x1b[5 q", b"\x1b[0 q"),
    "modes behind controls within": (
        b"\x1b[?10\x0049h\x1b[?10\x0700h\x1b\r[\n?\x7f25\x08l",
        b"\x1b[?1000l\x1b[?1049l\x1b[?25h",
    ),
    "modes behind what ended a sequence": (
        b"\x1b[?1049\x18h\x1b[?1003\x1ah\x1b[?1002\x1b[?1000h",
        b"\x1b[?1000l",
    ),
    "leading zeros": (b"\x1b[?" + b"0" * 300 + b"1000h", b"\x1b[?1000l"),
    "U+009B": (
        "\x9b?1049h\x9b?10\x0000h\x1b[?1\x9b?25l".encode(),
        b"\x1b[?1000l\x1b[?1049l\x1b[?25h",
    ),
    "U+009B within a title": ("\x1b]0;title\x9c\x9b?1000h".encode(), b"\x1b[?1000l"),
    "the byte 9B": (b"\xe9\x9b\x9b\x9b?1049h caf\xe9 \x9b?25l", b"\x1b[?1049l\x1b[?25h"),
    "what not every terminal switches off": ("\x1b[?1000h\x9b?1000l".encode(), b"\x1b[?1000l"),
    "a mode behind a text that looks like one": (
        b"\x1b]0;[?1049h title\x07\x1b[?25l",
        b"\x1b[?25h",
    ),
}
NOT_LEFT = {
    "off again": b"\x1b[?1049h\x1b[?25l\x1b[>1u\x1b[>4;1mx\x1b[>4;0m\x1b[<1u\x1b[?25h\x1b[?1049l",
    "a full reset": b"\x1b[?1049h\x1b[?25l\x1b[>1u\x1bc",
    "text": "é [?25l \u96db?25l \u06db?25l \U0001f6db?25l \U0001f9db?25l \U0001f9bb[?25l".encode(),
    "off again in eight bits": "\x9b?25l\x9b?1049h\x9b?1049l\x9b?25h".encode(),
    "a title": b"\x1b]0;no \x1b\\",
    "an unknown mode": b"\x1b[?31337h",
    "a colour": b"\x1b[31mred\x1b[0m",
    "no sequence": b"\x1b[?25" + b"1" * 10_000 + b"l",
}


def undone(*chunks: bytes) -> bytes:
    """Return what is undone after these bytes."""
    modes = TerminalModes()
    for chunk in chunks:
        modes.feed(chunk)
    return modes.undo()


@pytest.mark.parametrize(("seen", "undo"), LEFT.values(), ids=LEFT)
def test_what_was_left_on_is_undone_however_it_was_cut(seen: bytes, undo: bytes) -> None:
    assert undone(seen) == undo
    assert undone(*(seen[i : i + 1] for i in range(len(seen)))) == undo
    assert undone(seen, undo) == b""


@pytest.mark.parametrize("seen", NOT_LEFT.values(), ids=NOT_LEFT)
def test_nothing_is_written_where_nothing_was_left(seen: bytes) -> None:
    assert undone(seen) == b""


@given(
    st.lists(
        st.binary(max_size=20)
        | st.sampled_from([*(seen for seen, _ in LEFT.values() if len(seen) < 99)])
    )
)
def test_any_output_is_followed_and_its_undoing_undoes_all(chunks: list[bytes]) -> None:
    modes = TerminalModes()
    for chunk in chunks:
        modes.feed(chunk)
    both = (modes._seven_bit, modes._eight_bit)
    assert all(len(each._rest) < 512 for each in both if each is not None)
    assert undone(b"".join(chunks)) == modes.undo()
    # Ends a string that was begun, which would swallow it.
    modes.feed(b"\x18" + modes.undo())
    modes.feed(modes.undo())
    assert modes.undo() == b""
