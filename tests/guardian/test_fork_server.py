"""Guardians of embedded runs, and the death of whoever asked for them."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codexlab.guardian.channel import Channel
from codexlab.guardian.codec import decode_answer
from codexlab.guardian.protocol import AgentExited, Finish, Spawn, Spawned, SpawnSpec
from codexlab.guardian.spawning.fork_server import (
    OrderedGuardian,
    ServerStuck,
    fork_guardian,
    start_fork_server,
)


@pytest.fixture
def server() -> Iterator[Channel]:
    """A fork server that was started by a thread which has ended since."""
    started: list[Any] = []
    in_a_thread(lambda: started.append(start_fork_server()))
    process, channel = started[0]
    yield channel
    channel.close()
    assert process.wait(30) == 0


def in_a_thread(work: Any) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def test_an_agent_lives_on_when_the_thread_that_asked_for_it_ends(server: Channel) -> None:
    """A death signal follows the thread that forked; here that is no thread of the host's."""
    asked: list[Any] = []

    def ask() -> None:
        channel, guardian = fork_guardian(server)
        read, write = os.pipe()
        null = os.open(os.devnull, os.O_RDWR)
        argv = ("sh", "-c", "read line; exit 4")
        program = SpawnSpec("/bin/sh", argv, {"PATH": os.defpath}, "/")
        channel.send(Spawn(program), [read, null, null])
        received = channel.receive(decode_answer)
        assert received is not None
        os.close(read)
        os.close(null)
        asked.extend((channel, write, received[0], guardian))

    in_a_thread(ask)
    channel, write, reply, _guardian = asked
    assert isinstance(reply, Spawned)
    # Only now does it get what it waits for: had it died with the thread, it would not say 4.
    os.write(write, b"go\n")
    os.close(write)
    received = channel.receive(decode_answer)
    assert received is not None
    assert isinstance(received[0], AgentExited)
    assert os.waitstatus_to_exitcode(received[0].status) == 4
    channel.send(Finish(0))
    channel.close()


def test_a_server_that_starts_slowly_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a busy machine: longer than one is waited for that somebody stops."""
    (tmp_path / "sitecustomize.py").write_text("import time; time.sleep(11)")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    process, channel = start_fork_server()
    guardian, pid = fork_guardian(channel)
    assert pid != process.pid
    guardian.close()
    channel.close()
    assert process.wait(30) == 0


def test_a_stopped_server_that_takes_no_more_orders_is_called_stuck() -> None:
    process, channel = start_fork_server()
    os.kill(process.pid, signal.SIGSTOP)
    ordered: list[OrderedGuardian] = []
    with pytest.raises(ServerStuck, match="does not answer; open the run again"):
        ordered.extend(OrderedGuardian(channel) for _ in range(5000))
    # It must not fork them all.
    process.kill()
    process.wait(30)
    for each in ordered:
        each.channel.close()
    channel.close()


def test_a_program_whose_parent_has_died_already_is_not_started() -> None:
    """The death signal would never come for a parent that ended before it was asked for."""
    from codexlab.guardian.spawning.spawn import become

    read, write = os.pipe()
    marker_read, marker_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.alarm(30)
        spec = SpawnSpec("/bin/sh", ("sh", "-c", "echo ran"), {"PATH": os.defpath}, "/")
        no_longer = 2**22 + 1  # above any pid there can be
        become(spec, (0, marker_write, 2), (), no_longer, write, os.setsid)
    for fd in (write, marker_write):
        os.close(fd)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 125
    for fd in (read, marker_read):
        with os.fdopen(fd, "rb") as file:
            assert file.read() == b""


def test_a_link_below_the_directory_of_a_program_is_not_followed(tmp_path: Path) -> None:
    """Whoever looks at the path first can be too early: an agent may put the link there since."""
    from codexlab.guardian.spawning.spawn import become

    (tmp_path / "real/inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    ends = {"real/inner": b"", "link/inner": b"chdir", "link": b"chdir", "none": b"chdir"}
    for below, said in ends.items():
        read, write = os.pipe()
        os.set_inheritable(write, False)
        pid = os.fork()
        if pid == 0:
            signal.alarm(30)
            spec = SpawnSpec("/bin/true", ("true",), {}, str(tmp_path), below=below)
            become(spec, (0, 1, 2), (), os.getppid(), write, os.setsid)
        os.close(write)
        os.waitpid(pid, 0)
        with os.fdopen(read, "rb") as file:
            assert said in (told := file.read())
            assert bool(told) == bool(said), below
