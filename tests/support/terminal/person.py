"""A person at a terminal: type, look at the screen, change its size, hang up.

A real pseudo-terminal, whose session is led by a shell of the test's; the program
under test is its job, as it is at anybody's terminal.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..lab import Lab, Words
from ..processes.leaks import Process, descendants, end_processes

Settings = list[Any]
# What full-screen programs ask their terminal, and what an ordinary one answers.
_QUESTIONS = {
    b"\x1b[6n": b"\x1b[1;1R",
    b"\x1b[c": b"\x1b[?62;c",
    b"\x1b]10;?\x1b\\": b"\x1b]10;rgb:ffff/ffff/ffff\x1b\\",
    b"\x1b]11;?\x1b\\": b"\x1b]11;rgb:0000/0000/0000\x1b\\",
}
# A terminal answers in the order in which it was asked.
_ASKED = re.compile(b"|".join(map(re.escape, _QUESTIONS)))


class Screen:
    """The person's side of the terminal.

    :param fd: the master.
    :param shell: pid of whoever leads the session.
    :param line: the slave, which is also what programs on the terminal have.
    """

    def __init__(self, fd: int, line: int, shell: int) -> None:
        self.fd = fd
        self.shell = shell
        self.shown = b""
        self._line = line
        self.answering = False
        self.hung_up = False

    @property
    def settings(self) -> Settings:
        """The terminal's settings now."""
        return termios.tcgetattr(self._line)

    @property
    def foreground(self) -> int:
        """The group in the foreground now."""
        return os.tcgetpgrp(self.fd)

    @property
    def is_raw(self) -> bool:
        """Tell whether the terminal itself interprets nothing."""
        return not self.settings[3] & (termios.ICANON | termios.ISIG)

    def type(self, text: str | bytes) -> None:
        """Press keys."""
        view = memoryview(text.encode() if isinstance(text, str) else text)
        while view:
            view = view[os.write(self.fd, view) :]

    def resize(self, rows: int, columns: int) -> None:
        """Change the size of the window."""
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def wait_for(self, pattern: str, timeout: float = 30.0) -> re.Match[bytes]:
        """Read on until the screen has shown ``pattern`` since the last match; forget up to it.

        :raises TimeoutError: it did not come in time, or the terminal ended before.
        """
        deadline = time.monotonic() + timeout
        wanted = re.compile(pattern.encode(), re.DOTALL)
        while (match := wanted.search(self.shown)) is None:
            if not self._read(deadline - time.monotonic()):
                message = f"no {pattern!r} on the screen; there was {self.shown!r}"
                raise TimeoutError(message)
        self.shown = self.shown[match.end() :]
        return match

    def read_to(self, marker: bytes, timeout: float = 30.0) -> bytes:
        """Return everything shown before ``marker``; forget it, and the marker.

        :raises TimeoutError: it did not come in time, or the terminal ended before.
        """
        deadline = time.monotonic() + timeout
        while marker not in self.shown[-65536 - len(marker) :]:
            if not self._read(deadline - time.monotonic()):
                message = f"no {marker!r} on the screen"
                raise TimeoutError(message)
        before, _, self.shown = self.shown.partition(marker)
        return before

    def wait_until(self, condition: Callable[[], object], timeout: float = 30.0) -> None:
        """Read on until ``condition()`` holds.

        :raises TimeoutError: it did not in time.
        """
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                message = f"it did not happen; the screen: {self.shown!r}"
                raise TimeoutError(message)
            self._read(0.02)

    def wait_until_quiet(self, seconds: float = 1.0, timeout: float = 30.0) -> None:
        """Read on until nothing was shown for a while: the time a person takes to read a question.

        codex 0.171 drops what is typed while it draws its trust question, or ends
        ("timed out discarding buffered terminal input"), at any terminal.

        :raises TimeoutError: it goes on and on.
        """
        deadline = time.monotonic() + timeout
        while select.select([self.fd], [], [], seconds)[0] and self._read(seconds):
            if time.monotonic() > deadline:
                message = f"it was never quiet; the screen: {self.shown!r}"
                raise TimeoutError(message)

    def wait_for_end_of(self, *pids: int) -> None:
        """Read on until none of these processes of ours runs; they tidy up after the record.

        :raises TimeoutError: one of them still does.
        """
        self.wait_until(lambda: all(Process(pid, 0).is_zombie for pid in pids))

    def _read(self, timeout: float) -> bool:
        if timeout <= 0 and not select.select([self.fd], [], [], 0)[0]:
            return False
        if not select.select([self.fd], [], [], max(timeout, 0))[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.shown += data
        if self.answering:
            for question in _ASKED.findall(data):
                self.type(_QUESTIONS[question])
        return bool(data)

    def hang_up(self) -> None:
        """Close the window."""
        self.hung_up = True
        os.close(self._line)
        os.close(self.fd)

    def close(self) -> None:
        """Close the window, if it is still there."""
        if not self.hung_up:
            self.hang_up()


@contextlib.contextmanager
def terminal(
    argv: Sequence[str | Path], environ: Mapping[str, str], cwd: Path
) -> Generator[Screen]:
    """Open a terminal whose session ``argv`` leads; whatever runs there is killed at the end."""
    before = descendants()
    master, line = os.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", *map(str, argv)],
        stdin=line,
        stdout=line,
        stderr=line,
        cwd=cwd,
        env={"TERM": "xterm", **environ},
    )
    screen = Screen(master, line, process.pid)
    screen.resize(24, 80)
    with process:
        try:
            yield screen
        except BaseException as error:
            error.add_note(f"screen: {screen.shown!r}")
            raise
        finally:
            screen.close()
            process.kill()
            end_processes(descendants() - before)


SHELL = '"$0" "$@"; echo "[status $?]"; read -r _'
"""What leads the session: it starts one run as its job, says how that ended, and waits."""


JOB = """
import os, signal, sys
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
pid = os.fork()
if pid == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execv(sys.argv[1], sys.argv[1:])
signal.signal(signal.SIGUSR1, lambda *_: os.tcsetpgrp(0, os.getpid()))
signal.signal(signal.SIGUSR2, lambda *_: os.tcsetpgrp(0, pid))
while True:
    _, status = os.waitpid(pid, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        break
    os.write(1, b"[stopped]")
os.write(1, b"[status %d]" % (os.waitstatus_to_exitcode(status) % 256))
os.read(0, 1)
"""
"""A shell with one job, of which it says that it was stopped; it leaves it the foreground.

At SIGUSR1 it takes the foreground itself, and at SIGUSR2 it gives it to the job again."""


@contextlib.contextmanager
def job(lab: Lab, flags: Words, command: Words) -> Generator[Typed]:
    """Run ``codexlab-run -i FLAGS -- COMMAND`` as a job that the test itself continues."""
    words = [sys.executable, "-c", JOB, *lab.argv(["-i", *flags], command)]
    with terminal(words, lab.environ, lab.cwd) as screen:
        yield Typed(screen, screen.settings)


@contextlib.contextmanager
def typed(lab: Lab, flags: Words, command: Words, *, prefix: Words = ()) -> Generator[Typed]:
    """Run ``codexlab-run -i FLAGS -- COMMAND`` as somebody types it; see :data:`SHELL`."""
    words = [*prefix, "sh", "-c", SHELL, *lab.argv(["-i", *flags], command)]
    with terminal(words, lab.environ, lab.cwd) as screen:
        yield Typed(screen, screen.settings)


@dataclass(frozen=True, slots=True)
class Typed:
    """One run at a terminal, and the terminal's settings before it."""

    screen: Screen
    before: Settings

    def take_foreground(self) -> None:
        """Have a shell of :func:`job` take the terminal, as shells do of a stopped job."""
        os.kill(self.screen.shell, signal.SIGUSR1)
        self.screen.wait_until(lambda: self.screen.foreground == self.screen.shell)

    def give_foreground(self) -> None:
        """Have it give the terminal to its job, as at ``fg``; the job is not continued yet."""
        os.kill(self.screen.shell, signal.SIGUSR2)
        self.screen.wait_until(lambda: self.screen.foreground == self.guardian)

    def wait_end(self) -> int:
        """Return the exit status that the shell was told."""
        return int(self.screen.wait_for(r"\[status (\d+)\]")[1])

    def press_until_end(self, key: str) -> int:
        """Press a key again and again until the job is over, and return its exit status.

        A screen that is just being drawn drops what is typed.
        """
        for _ in range(15):
            self.screen.type(key)
            with contextlib.suppress(TimeoutError):
                return int(self.screen.wait_for(r"\[status (\d+)\]", timeout=3.0)[1])
        raise TimeoutError(f"it goes on, whatever is pressed; there was {self.screen.shown!r}")

    @property
    def guardian(self) -> int:
        """The pid of the shell's job."""
        (pid,) = children(self.screen.shell)
        return pid

    @property
    def supervisor(self) -> int:
        """The pid of the guardian's child that is in the shell's session as well."""
        (pid,) = (
            pid for pid in children(self.guardian) if os.getsid(pid) == os.getsid(self.guardian)
        )
        return pid

    @property
    def monitor(self) -> int:
        """The pid of the guardian's child that leads the session of the agent's terminal."""
        (pid,) = (pid for pid in children(self.guardian) if os.getsid(pid) == pid)
        return pid

    @property
    def agent(self) -> int:
        """The pid of the monitor's only child."""
        (pid,) = children(self.monitor)
        return pid


def state_of(pid: int) -> str:
    """Return the letter by which the kernel shows what a process is at (proc(5))."""
    text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    return text[text.rindex(")") + 2]


def children(pid: int) -> list[int]:
    """Return the pids of its children."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
