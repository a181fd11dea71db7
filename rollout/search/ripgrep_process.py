"""One process of ripgrep that finds the lines with a needle, and what it said.

It is asked for bytes only: no ignore files, no configuration, no guessing of
encodings.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import resource
import signal
from collections.abc import Sequence

from ...kernel.process.descriptors import is_ready

_FLAGS = (
    "--no-config",
    "--no-ignore",
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
_MOST_OUTPUT = 32 << 20
_MOST_MEMORY = 1 << 30
SLOW_AFTER = 1.0
"""Seconds after which it is worth asking whether some file holds it up."""
_F_ADD_SEALS, _F_SEAL_GROW = 1033, 0x4  # fcntl(2); not in Python's fcntl before 3.13
# Python ignores them, and others may be blocked just now; it is to end by any.
_SIGNALS = (signal.SIGPIPE, signal.SIGXFSZ)

Positions = list[tuple[int, int]]
"""Number and byte offset of candidate lines."""


class RipgrepRun:
    """``rg`` at work, until it is closed.

    Its output goes to memory, so that it never waits for us; where that is full it ends, and
    has not read all. *Not promised:* that it ends with us where we are killed.
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
        self._output = _bounded_memory()
        self._pid: int | None = None
        try:
            self._pid = _spawn(program, command, self._output)
        except OSError:
            os.close(self._output)
            raise

    def wait_for(self, seconds: float) -> bool:
        """Wait so long at most, and tell whether it has ended."""
        if self._pid is None:
            return True
        try:
            fd = os.pidfd_open(self._pid)
        except OSError:
            return True  # `result` waits
        try:
            return is_ready(fd, seconds)
        finally:
            os.close(fd)

    def result(self) -> tuple[dict[str, Positions], bool]:
        """Wait for its end; to be called once.

        :returns: the candidate lines by path, and whether it has read all it was to.
        """
        complete = self._wait()
        found: dict[str, Positions] = {}
        if complete:
            # The offset is the one that ripgrep wrote at.
            output = os.pread(self._output, os.lseek(self._output, 0, os.SEEK_CUR), 0)
            for path, number, offset in map(re.Match[bytes].groups, _OUTPUT.finditer(output)):
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


def _bounded_memory() -> int:
    """Return a file in memory that takes so much and no more: writing on is EPERM.

    Positions of more lines than that are not worth having: almost every line is one.
    """
    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    fd = os.memfd_create("codexlab-ripgrep", flags)
    os.ftruncate(fd, _MOST_OUTPUT)
    fcntl.fcntl(fd, _F_ADD_SEALS, _F_SEAL_GROW)
    return fd


def _spawn(program: str, command: list[str], output: int) -> int:
    null = os.devnull
    files = [
        (os.POSIX_SPAWN_OPEN, 0, null, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, output, 1),
        (os.POSIX_SPAWN_OPEN, 2, null, os.O_WRONLY, 0),
    ]
    pid = os.posix_spawn(
        program, command, os.environ, file_actions=files, setsigdef=_SIGNALS, setsigmask=()
    )
    # It keeps a line whole, however long. Out of memory it ends, and has not read all.
    for limit, most in ((resource.RLIMIT_DATA, _MOST_MEMORY), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(OSError, ValueError):
            resource.prlimit(pid, limit, (most, most))
    return pid


def _end(pid: int) -> None:
    try:
        # Not waited for, its number is still its own.
        if os.waitpid(pid, os.WNOHANG)[0] == 0:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    except ChildProcessError:
        return  # as above
