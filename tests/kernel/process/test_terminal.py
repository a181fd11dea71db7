"""Settings of a terminal: raw is what cfmakeraw says, and what was saved comes back."""

from __future__ import annotations

import marshal
import os
import termios
import tty
from collections.abc import Iterator

import pytest

from codexlab.kernel.process.terminal import (
    apply_settings,
    copy_size,
    is_foreground,
    make_raw,
    read_settings,
    restore_settings,
)


@pytest.fixture
def line() -> Iterator[int]:
    master, line = os.openpty()
    yield line
    os.close(line)
    os.close(master)


def test_raw_is_what_the_standard_library_makes_of_it(line: int) -> None:
    before = read_settings(line)
    ours = make_raw(before)
    assert read_settings(line) == before
    tty.setraw(line)
    theirs = read_settings(line)
    # It leaves some bits of input alone that cfmakeraw(3) clears; raw is at least that.
    assert ours[0] & ~theirs[0] == 0
    assert ours[1:3] == theirs[1:3]
    # From 3.12 on it also clears how echo looks, which is nothing without echo.
    echoes = termios.ECHOE | termios.ECHOK | termios.NOFLSH | termios.TOSTOP
    assert ours[3] & ~echoes == theirs[3] & ~echoes
    apply_settings(line, ours)
    assert read_settings(line) == ours


def test_settings_travel_as_a_message_and_come_back_exactly(line: int) -> None:
    before = read_settings(line)
    before[6][termios.VINTR] = 7
    apply_settings(line, before)
    kept = marshal.loads(marshal.dumps(read_settings(line)))
    apply_settings(line, make_raw(kept))
    restore_settings(line, kept)
    assert read_settings(line) == before


def test_a_terminal_that_is_not_ours_to_control_knows_no_background(line: int) -> None:
    assert is_foreground(line)


def test_a_terminal_that_is_gone_is_an_error_to_set_and_none_to_put_back() -> None:
    master, line = os.openpty()
    before = read_settings(line)
    os.close(master)
    with pytest.raises(OSError, match="Input/output error"):
        apply_settings(line, before)
    restore_settings(line, before)
    with pytest.raises(OSError, match="Input/output error"):
        copy_size(line, line)
    os.close(line)
