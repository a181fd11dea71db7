"""Programs that git starts and that never answer, and a way to know that one has begun."""

from __future__ import annotations

import os
import select
import shlex
import socket
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .repositories import git

SLEEP = "971.3"


@dataclass(frozen=True, slots=True)
class Stuck:
    """A program that says that it runs, and then does nothing.

    :param program: its path.
    """

    program: Path
    began: int

    def wait_until_it_runs(self, timeout: float = 30.0) -> None:
        """Wait for its first byte.

        :raises TimeoutError: it was not started in time.
        """
        if not select.select([self.began], [], [], timeout)[0]:
            message = f"{self.program} was not started"
            raise TimeoutError(message)
        os.read(self.began, 100)


@contextmanager
def stuck_program(directory: Path, before: str = "", rest: str = "") -> Generator[Stuck]:
    """Make such a program.

    :param before: shell lines that it runs first.
    :param rest: what it runs instead of sleeping.
    """
    directory.mkdir(parents=True, exist_ok=True)
    fifo, program = directory / "began", directory / "stuck"
    os.mkfifo(fifo)
    lines = ["#!/bin/sh", before, f"echo >{shlex.quote(str(fifo))}", rest or f"exec sleep {SLEEP}"]
    program.write_text("\n".join(lines) + "\n")
    program.chmod(0o755)
    # Read and write: opening waits for nobody, and no writer is ever the last.
    fd = os.open(fifo, os.O_RDWR)
    try:
        yield Stuck(program, fd)
    finally:
        os.close(fd)


def add_filter(repo: Path, kind: str, program: Path) -> None:
    """Give every file of a repository a filter, ``clean`` or ``smudge``, and commit that."""
    (repo / ".gitattributes").write_text("*.txt filter=stuck\n")
    (repo / "a.txt").write_text("one\n")
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "filtered")
    git(repo, "config", f"filter.stuck.{kind}", str(program))


@contextmanager
def silent_server() -> Generator[tuple[int, socket.socket]]:
    """Listen on loopback and say nothing; yield the port, and what to accept from."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        yield server.getsockname()[1], server


def open_files(pid: int) -> Iterator[str]:
    """Yield what a process and its children have open."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for each in (pid, *map(int, children)):
        for name in os.listdir(f"/proc/{each}/fd"):
            try:
                yield os.readlink(f"/proc/{each}/fd/{name}")
            except FileNotFoundError:
                continue
