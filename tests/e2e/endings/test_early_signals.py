"""A signal that comes before there is anything to launch ends the launcher itself."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from support.lab import Lab


@dataclass(frozen=True, slots=True)
class Pipe:
    """A full pipe whose writer stays: its reader reads once and then waits."""

    read: int
    write: int

    def wait_until_it_is_read(self) -> None:
        _, ready, _ = select.select([], [self.write], [], 30)
        assert ready


@contextmanager
def full_pipe() -> Generator[Pipe]:
    read, write = os.pipe2(os.O_NONBLOCK)
    os.write(write, b"#" * fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096))
    try:
        yield Pipe(read, write)
    finally:
        os.close(read)
        os.close(write)


@pytest.mark.parametrize("flags", [[], ["--dry-run"]], ids=["launch", "dry run"])
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_launcher_that_waits_for_a_pipe_to_end_is_ended(
    lab: Lab, name: str, flags: list[str]
) -> None:
    with full_pipe() as pipe:
        words = ["--issue", "1", "--env-file", f"/dev/fd/{pipe.read}", *flags]
        with subprocess.Popen(
            lab.argv(words, ["true"]), cwd=lab.cwd, env=lab.environ, pass_fds=[pipe.read],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            try:
                pipe.wait_until_it_is_read()
                # Passed over: it asks for no end.
                process.send_signal(signal.SIGUSR1)
                process.send_signal(signal.Signals[name])
                out, err = process.communicate(timeout=30)
            finally:
                process.kill()
    assert (process.returncode, out) == (128 + signal.Signals[name], "")
    assert err == (
        f"codexlab-run: cancelled by {name} before the agent was started; nothing was run\n"
    )
    assert not lab.workspaces_root.exists()
