"""A signal before there is anything to launch ends the launcher; a stop there hangs nothing."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

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


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_reader_of_the_settings_that_somebody_stops_goes_on(lab: Lab) -> None:
    read, write = os.pipe2(os.O_NONBLOCK)
    waits = Pipe(read, write)
    os.write(write, b"#" * fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096))
    words = ["--issue", "1", "--no-repo", "--env-file", f"/dev/fd/{read}"]
    with subprocess.Popen(
        lab.argv(words, ["true"]), cwd=lab.cwd, env=lab.environ, pass_fds=[read],
        stdin=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        reader = 0
        try:
            waits.wait_until_it_is_read()
            (supervisor,) = children(process.pid)
            (reader,) = children(supervisor)
            os.kill(reader, signal.SIGSTOP)
            os.close(write)
            assert process.wait(30) == 0
        finally:
            process.kill()
            if reader and Path(f"/proc/{reader}/fd").exists():
                os.kill(reader, signal.SIGKILL)
    os.close(read)
