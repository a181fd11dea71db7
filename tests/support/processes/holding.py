"""Hold a program at a system call while a test looks at what lies around it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ..lab import Lab, Words

_FOR_GOOD = 600_000_000  # microseconds; the block ends earlier


@contextmanager
def held_at_call(lab: Lab, command: Words, calls: str, place: Path) -> Generator[None]:
    """Run a command that stands for the block at a system call which has not happened yet.

    At the end of the block the call happens, and the command must end with status 0.

    :param calls: their names, as strace takes them; the first of them that comes holds.
    :param place: a call counts if it names this file, or has a descriptor of it.
    :raises TimeoutError: the command came to no such call.
    """
    log = place.with_name(f"{place.name}.calls")
    os.mkfifo(log)
    fd = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    fault = ["-e", f"trace={calls}", "-e", f"inject={calls}:delay_enter={_FOR_GOOD}"]
    quiet = ["-qq", "-e", "signal=none"]
    strace = ["strace", "-D", "-f", *quiet, "-o", str(log), "-P", str(place), *fault]
    # The tracer is a child of the shell, so the command has no child that it did not start.
    process = subprocess.Popen(
        [*strace, "sh", "-c", '"$@"; exit $?', "sh", *command],
        env=lab.environ,
        cwd=lab.cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for_call(fd)
        yield
    finally:
        _let_go(process.pid)
        status = process.wait(60)
        os.close(fd)
        log.unlink()
    assert status == 0


def _wait_for_call(fd: int, timeout: float = 60.0) -> None:
    """Wait until strace has begun a line: it does so before it holds."""
    ready, _, _ = select.select([fd], [], [], timeout)
    if not ready or not os.read(fd, 65536):
        message = "the command came to no such call"
        raise TimeoutError(message)


def _let_go(pid: int) -> None:
    """End the tracer: the kernel then lets its processes go on where they stand."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (tracer,) = (int(line.split()[1]) for line in lines if line.startswith("TracerPid:"))
    if tracer:
        os.kill(tracer, signal.SIGKILL)
