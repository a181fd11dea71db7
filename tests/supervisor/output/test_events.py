"""Whoever reads a run's events gets whole lines, be they longer than its pipe."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import socket
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from support.lab import Lab

from codexlab.supervisor.output import events as events_module
from codexlab.supervisor.output.events import EventLog, open_events_target

ROOM = 4096


@pytest.fixture
def log() -> Iterator[EventLog]:
    log = EventLog("20260131T120000Z-00000001", "1")
    yield log
    anyio.run(log.close, backend="trio")


@pytest.fixture
def reader(log: EventLog) -> Iterator[int]:
    """The reading end of a pipe of one page that the log writes to."""
    read, write = os.pipe()
    os.set_blocking(read, False)
    try:
        log.add_target(open_events_target(str(write)))
        fcntl.fcntl(read, fcntl.F_SETPIPE_SZ, ROOM)
        os.close(write)
        yield read
    finally:
        os.close(read)


def take(fd: int) -> bytes:
    """Return everything that is in a pipe, or a socket, now."""
    parts: list[bytes] = []
    try:
        while part := os.read(fd, 1 << 20):
            parts.append(part)
    except BlockingIOError:
        pass
    return b"".join(parts)


def numbers(data: bytes) -> list[int]:
    """Return which events these lines are; fails where one is no whole line."""
    assert data.endswith(b"\n")
    return [json.loads(line)["seq"] for line in data.splitlines()]


def test_a_line_longer_than_the_pipe_is_finished_before_the_next(
    log: EventLog, reader: int
) -> None:
    log.emit("run.planned", command="x" * 2 * ROOM)
    data = take(reader)
    while not data.endswith(b"\n"):
        log.emit("heartbeat")
        data += take(reader)
    seen = numbers(data)
    assert seen[0] == 1
    # Those that came while the pipe was full of the first.
    assert log.dropped == seen[-1] - len(seen)


def test_what_a_reader_that_stalls_cannot_take_is_dropped_whole_and_counted(
    log: EventLog, reader: int
) -> None:
    log.emit("run.planned", command="x" * ROOM)
    for _ in range(3):
        log.emit("heartbeat")
    data = take(reader)
    log.emit("heartbeat")
    assert numbers(data + take(reader)) == [1, 5]
    assert log.dropped == 3


def test_a_disk_that_fills_in_the_middle_of_a_line_gets_its_rest_when_there_is_room(
    log: EventLog, scratch: Path
) -> None:
    path = scratch / "events"
    log.add_target(open_events_target(str(path)))
    with files_no_larger_than(ROOM):
        log.emit("run.planned", command="x" * ROOM)
        log.emit("heartbeat")
        assert path.stat().st_size == ROOM
    log.emit("heartbeat")
    assert numbers(path.read_bytes()) == [1, 3]
    assert log.dropped == 1


@contextmanager
def files_no_larger_than(size: int) -> Generator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def a_socket() -> tuple[int, int]:
    ours, theirs = socket.socketpair()
    return ours.detach(), theirs.detach()


@pytest.mark.parametrize("pair", [a_socket, os.pipe], ids=["socket", "pipe of another user"])
def test_who_cannot_be_opened_anew_never_blocks_either(
    log: EventLog, pair: Callable[[], tuple[int, int]]
) -> None:
    read, write = pair()
    os.set_blocking(read, False)
    log.add_target(write)
    while not log.dropped:
        log.emit("run.planned", command="x" * 100_000)
    data = take(read)
    log.emit("heartbeat")
    seen = numbers(data + take(read))
    assert seen == [*range(1, len(seen)), seen[-1]]
    os.close(read)


@pytest.mark.trio
async def test_at_the_end_a_reader_in_the_middle_of_a_line_gets_the_rest(
    log: EventLog, reader: int
) -> None:
    log.emit("run.finished", error="x" * 3 * ROOM)
    data = b""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(log.close)
        while not data.endswith(b"\n"):
            await anyio.wait_readable(reader)
            data += take(reader)
    assert numbers(data) == [1]
    assert os.read(reader, 1) == b""


@pytest.mark.trio
async def test_a_reader_that_never_comes_back_does_not_hold_up_the_end(
    log: EventLog, reader: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_module, "LAST_LINE_SECONDS", 0.05)
    log.emit("run.finished", error="x" * ROOM)
    with anyio.fail_after(30):
        await log.close()
    assert len(take(reader)) == ROOM


@pytest.mark.trio
async def test_a_reader_that_is_gone_is_not_waited_for(log: EventLog) -> None:
    read, write = os.pipe()
    log.add_target(open_events_target(str(write)))
    os.close(write)
    log.emit("run.planned", command="x" * 1_000_000)
    os.close(read)
    log.emit("heartbeat")
    assert log.dropped == 1
    with anyio.fail_after(30):
        await log.close()


def test_a_long_prompt_reaches_a_reader_of_the_events(lab: Lab) -> None:
    prompt = ["x" * 100_000] * 2
    with lab.started(["--issue", "1", "--no-repo"], ["true", *prompt]) as run:
        run.wait_for_event("run.finished")
        assert run.finish()[0] == 0
    planned: dict[str, Any] = run.events[0]
    assert planned["command"] == ["true", *prompt]
    assert lab.records[0]["events_dropped"] == 0
