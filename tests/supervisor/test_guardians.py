"""Guardians forked ahead: each run gets one that lives, that nobody touched, and that is its own."""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

import pytest

from codexlab.kernel import Channel
from codexlab.supervisor._guardians import _Guardians


@pytest.fixture
def guardians() -> Iterator[_Guardians]:
    kept = _Guardians()
    yield kept
    if kept._next is not None:
        kept._next.channel.close()
    if kept._channel is not None and kept._process is not None:
        kept._channel.close()
        kept._process.wait(30)


def test_the_next_one_is_there_before_it_is_asked_for(guardians: _Guardians) -> None:
    assert guardians.take_at_once() is None
    first = guardians.take()
    wait_until_one_waits(guardians)
    second = guardians.take_at_once()
    assert second is not None
    for channel, pid in (first, second):
        end(channel, pid)


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM])
def test_one_that_was_ended_or_sent_a_signal_while_it_waited_is_passed_over(
    guardians: _Guardians, signum: int
) -> None:
    first = guardians.take()
    waiting = wait_until_one_waits(guardians)
    with pidfd(waiting) as fd:
        os.kill(waiting, signum)
        assert guardians._next is not None
        wait_readable(guardians._next.channel.fileno())
        second = guardians.take()
        assert second[1] not in (waiting, first[1])
        wait_readable(fd.fileno())  # the one passed over ends as well
    for channel, pid in (first, second):
        end(channel, pid)


def test_a_killed_server_is_replaced_and_takes_the_one_that_waits_with_it(
    guardians: _Guardians,
) -> None:
    first = guardians.take()
    waiting = wait_until_one_waits(guardians)
    assert guardians._process is not None
    with pidfd(waiting) as fd:
        guardians._process.kill()
        guardians._process.wait(30)
        second = guardians.take()
        wait_readable(fd.fileno())
    for channel, pid in (first, second):
        end(channel, pid)


def test_many_threads_get_one_each_and_its_own_channel(guardians: _Guardians) -> None:
    taken: list[tuple[Channel, int]] = []
    threads = [
        threading.Thread(target=lambda: taken.append(guardians.take_at_once() or guardians.take()))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({pid for _, pid in taken}) == 12
    for channel, pid in taken:
        end(channel, pid)


def wait_until_one_waits(guardians: _Guardians) -> int:
    """Return the pid of the guardian that no run has yet."""
    assert guardians._channel is not None
    assert guardians._process is not None
    wait_readable(guardians._channel.fileno())
    server = guardians._process.pid
    return max(map(int, Path(f"/proc/{server}/task/{server}/children").read_text().split()))


def wait_readable(fd: int) -> None:
    assert select.select([fd], [], [], 30)[0], "nothing happened"


def pidfd(pid: int) -> FileIO:
    return FileIO(os.pidfd_open(pid))


def end(channel: Channel, pid: int) -> None:
    """Close a channel, and see the guardian end that this should be the channel of."""
    with pidfd(pid) as fd:
        channel.send({"op": "finish", "status": 0})
        channel.close()
        wait_readable(fd.fileno())
