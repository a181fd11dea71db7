"""The agent's stdin: nothing, unless it was asked for or clearly meant."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence

from ...agents.adapter import Adapter, Reads
from ...kernel.process.descriptors import is_ready
from ..errors import PlaceUnusable

# A writer beside us has long written by now: everything else was made ready meanwhile.
_PATIENCE = 0.2

PIPE_DROPPED = (
    "stdin is a pipe and was not passed on; the agent got its prompt as an argument"
    " (--stdin inherit passes it)"
)


def open_stdin(choice: str, words: Sequence[str], agent: Adapter) -> tuple[int, str | None]:
    """Open the agent's stdin.

    :param choice: ``inherit``, ``null``, a path, or ``auto``: a regular file is passed on. A pipe
        or socket is passed on only when the agent reads its prompt there. Anything else becomes
        /dev/null. An inherited stdin that nobody ever closes once made agents wait for ever. In
        doubt a pipe is passed on that has something to read by now.
    :param words: the agent's own words of the command.
    :returns: a descriptor of ours, and one line to tell if a pipe was dropped.
    :raises PlaceUnusable: the file cannot be read.
    """
    if choice == "inherit":
        return os.dup(0), None
    if choice == "null":
        return _open_null(), None
    if choice != "auto":
        return _open_file(choice), None
    mode = os.fstat(0).st_mode
    if stat.S_ISREG(mode):
        return os.dup(0), None
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return _open_null(), None
    reads = agent.reads_prompt(words)
    # Is there a byte, or nobody who could still write any?
    if reads is Reads.YES or (reads is Reads.UNSURE and is_ready(0, _PATIENCE)):
        return os.dup(0), None
    return _open_null(), PIPE_DROPPED


def check_stdin(choice: str) -> None:
    """Find an unreadable file before anything is made for the run.

    :raises PlaceUnusable: the file cannot be read.
    """
    if choice not in ("auto", "inherit", "null"):
        os.close(_open_file(choice))


def _open_null() -> int:
    return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)


def _open_file(path: str) -> int:
    try:
        mode = os.stat(path).st_mode
        problem = "is a directory" if stat.S_ISDIR(mode) else None
        if stat.S_ISFIFO(mode) and os.path.lexists(os.path.realpath(path)):
            # Opening a named pipe waits for its writer, and closing it again would lose the
            # writer's output. A pipe without a name (/dev/fd/63 of a shell's <(…)) has its writer.
            problem = "is a named pipe; let the shell open it (--stdin inherit <PIPE)"
        if problem is None:
            return os.open(path, os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        problem = error.strerror or "unreadable"
    raise PlaceUnusable("--stdin", path, problem, "expected auto, inherit, null or a readable file")
