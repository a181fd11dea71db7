"""One process of ripgrep that finds the lines with a needle, and what it said.

It is asked for bytes only: no ignore files, no configuration, no guessing of
encodings. Nothing heavy is imported here: a search starts it first of all.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Sequence

_FLAGS = (
    "--no-config",
    "--fixed-strings",
    "--text",
    "--encoding=none",
    "--line-number",
    "--byte-offset",
    "--null",
    "--with-filename",
    "--no-heading",
    "--color=never",
    "--no-messages",
    # A line longer than this is replaced by a remark: only positions are wanted.
    "--max-columns=1",
)
_OUTPUT = re.compile(rb"([^\0\n]+)\0([0-9]+):([0-9]+):[^\n]*\n")
# Python ignores them, and others may be blocked just now; it is to end by any.
_SIGNALS = (signal.SIGPIPE, signal.SIGXFSZ)

Positions = list[tuple[int, int]]
"""Number and byte offset of candidate lines."""


class RipgrepRun:
    """``rg`` at work, until it is closed.

    Its output goes to memory, so that it never waits for us.
    """

    def __init__(
        self, program: str, options: Sequence[str], needle: bytes, fold: bool, paths: Sequence[str]
    ) -> None:
        """Start it.

        :param fold: the case of letters is ignored.
        :raises OSError: it cannot be started.
        """
        case = "--ignore-case" if fold else "--case-sensitive"
        command = [program, *_FLAGS, *options, case, "-e", needle.decode(), "--", *paths]
        self._output = os.memfd_create("codexlab-ripgrep")
        self._pid: int | None = None
        try:
            self._pid = _spawn(program, command, self._output)
        except OSError:
            os.close(self._output)
            raise

    def result(self) -> tuple[dict[str, Positions], bool]:
        """Wait for its end; to be called once.

        :returns: the candidate lines by path, and whether it has read all it was to.
        """
        complete = self._wait()
        with open(self._output, "rb", closefd=False) as file:
            file.seek(0)
            output = file.read()
        found: dict[str, Positions] = {}
        for path, number, offset in _OUTPUT.findall(output):
            found.setdefault(os.fsdecode(path), []).append((int(number), int(offset)))
        return found, complete

    def _wait(self) -> bool:
        if self._pid is None:
            return False
        try:
            _, status = os.waitpid(self._pid, 0)
        except ChildProcessError:
            return False  # somebody else in this process has waited for it
        self._pid = None
        # 0: found, 1: nothing found, 2: some file could not be read. Killed for a file
        # that was cut under its map, it has not read all either.
        return os.waitstatus_to_exitcode(status) in (0, 1)

    def close(self) -> None:
        """End it, whatever it has found, and give back what it holds; to be called once."""
        pid, self._pid = self._pid, None
        if pid is not None:
            _end(pid)
        os.close(self._output)


def _spawn(program: str, command: list[str], output: int) -> int:
    null = os.devnull
    files = [
        (os.POSIX_SPAWN_OPEN, 0, null, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, output, 1),
        (os.POSIX_SPAWN_OPEN, 2, null, os.O_WRONLY, 0),
    ]
    return os.posix_spawn(
        program, command, os.environ, file_actions=files, setsigdef=_SIGNALS, setsigmask=()
    )


def _end(pid: int) -> None:
    try:
        # Not waited for, its number is still its own.
        if os.waitpid(pid, os.WNOHANG)[0] == 0:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    except ChildProcessError:
        return  # as above
