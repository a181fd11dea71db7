"""Whether there is a terminal that an agent can be lent (``--tty``)."""

from __future__ import annotations

import os
import stat

from ...kernel.process.terminal import terminal_number
from ..errors import TerminalContradicted, TerminalUnusable
from .user_terminal import INPUT, OUTPUT


def check_terminal(events: str | None, *, lent: bool) -> None:
    """Find out before anything is made that there is no terminal to be lent.

    :param events: what ``--events`` names, or None.
    :param lent: whether there is somebody whose terminal it is.
    :raises TerminalUnusable: there is none.
    :raises TerminalContradicted: the events would go to it too.
    """
    if not lent:
        raise TerminalUnusable("stdin", "belongs to the program that embeds this run")
    for fd, stream in enumerate(("stdin", "stdout")):
        if not os.isatty(fd):
            raise TerminalUnusable(stream, "is not a terminal")
    if events is not None and _terminal_of(events) in map(terminal_number, (INPUT, OUTPUT)):
        raise TerminalContradicted(
            f"--events {events}",
            "it is the same terminal, and they would garble the agent's screen",
        )


def _terminal_of(target: str) -> int | None:
    """Return which terminal a target of events is; None: another thing, or not to be opened."""
    if target.isdecimal():
        return terminal_number(int(target))
    flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        # Opening anything else could already do something, as it does with a pipe.
        if not stat.S_ISCHR(os.stat(target).st_mode):
            return None
        fd = os.open(target, flags)
    except OSError:
        return None
    try:
        return terminal_number(fd)
    finally:
        os.close(fd)
