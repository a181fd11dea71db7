"""Output passes byte for byte, whatever it is and whoever reads it."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from codexlab.env.secrets.mask import Masker
from codexlab.supervisor.output.log import LogFile
from codexlab.supervisor.output.relay import LineSplitter, Relay, open_pipe
from codexlab.supervisor.output.sink import Output

SECRET = b"sk-very-secret-value"


class Stage:
    """An agent's end, a reader's end, and the relay between."""

    def __init__(self, log_path: Path, max_bytes: int = 1 << 24) -> None:
        self.source, self.agent = open_pipe()
        self.reader, self._given = os.pipe()
        self.output = Output(self._given)
        self.log_path = log_path
        self.log = LogFile(str(log_path), Masker([SECRET]), max_bytes)
        self.lines: list[bytes] = []
        self.relay = Relay(self.source, self.output, self.log, self.lines.append)

    def close(self) -> None:
        self.relay.close()
        self.log.close()
        for fd in (self.reader, self._given):
            os.close(fd)


@pytest.fixture
async def stage(scratch: Path) -> AsyncIterator[Stage]:
    stage = Stage(scratch / "out.log")
    yield stage
    stage.close()


async def relayed(stage: Stage, data: bytes) -> bytes:
    """Write as the agent, read as the caller, until the end of both."""
    received = bytearray()
    os.set_blocking(stage.agent, False)
    os.set_blocking(stage.reader, False)

    async def write() -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(stage.agent, view) :]
            except BlockingIOError:
                await anyio.wait_writable(stage.agent)
        os.close(stage.agent)

    async def read() -> None:
        while len(received) < len(data):
            await anyio.wait_readable(stage.reader)
            received.extend(os.read(stage.reader, 1 << 16))

    async with anyio.create_task_group() as tasks:
        for task in (write, read, stage.relay.run):
            tasks.start_soon(task)
    return bytes(received)


@pytest.mark.trio
@pytest.mark.parametrize(
    "data",
    [b"", b"x", b"no end", bytes(range(256)) * 1000, b"a" * 3_000_000, b"\n" * 100_000],
    ids=["nothing", "one", "unterminated", "binary", "one line of 3 MB", "only ends"],
)
async def test_output_is_passed_byte_for_byte_and_copied(stage: Stage, data: bytes) -> None:
    assert await relayed(stage, data) == data
    stage.log.close()
    assert stage.log_path.read_bytes() == data


@pytest.mark.trio
async def test_the_copy_is_masked_and_the_stream_is_not(stage: Stage) -> None:
    data = b"key=" + SECRET + b" rest\n"
    assert await relayed(stage, data) == data
    stage.log.close()
    assert SECRET not in stage.log_path.read_bytes()
    assert stage.log_path.read_bytes().endswith(b" rest\n")


@pytest.mark.trio
async def test_a_reader_that_went_away_neither_blocks_nor_ends_the_relay(stage: Stage) -> None:
    os.close(stage.reader)
    stage.reader = os.open(os.devnull, os.O_RDONLY)
    data = b"z" * 2_000_000
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stage.relay.run)
            await anyio.to_thread.run_sync(os.write, stage.agent, data[:1_000_000])
            await anyio.to_thread.run_sync(os.write, stage.agent, data[1_000_000:])
            os.close(stage.agent)
    stage.log.close()
    assert stage.output.closed
    assert stage.log_path.stat().st_size == len(data)


@pytest.mark.trio
async def test_the_callers_own_descriptor_stays_blocking(stage: Stage) -> None:
    assert await relayed(stage, b"hello") == b"hello"
    assert os.get_blocking(stage._given)  # pyright: ignore[reportPrivateUsage]


@pytest.mark.trio
async def test_a_socket_is_written_without_blocking_the_loop() -> None:
    ours, theirs = socket.socketpair()
    output = Output(ours.fileno())
    data = b"s" * 1_000_000
    received = bytearray()

    async def read() -> None:
        theirs.setblocking(False)
        while len(received) < len(data):
            await anyio.wait_readable(theirs)
            received.extend(theirs.recv(1 << 16))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        await output.write(data)
    output.close()
    assert bytes(received) == data
    ours.close()
    theirs.close()


def test_lines_are_cut_whatever_the_chunks() -> None:
    for size in (1, 2, 3, 7, 100):
        lines: list[bytes] = []
        splitter = LineSplitter(lines.append)
        data = b"one\r\ntwo\n\nlast"
        for start in range(0, len(data), size):
            splitter.feed(data[start : start + size])
        splitter.finish()
        assert lines == [b"one", b"two", b"", b"last"]


def test_an_endless_line_is_passed_over_and_the_next_is_read() -> None:
    lines: list[bytes] = []
    splitter = LineSplitter(lines.append)
    for _ in range(40):
        splitter.feed(b"x" * 100_000)
    splitter.feed(b"end\nnext\n")
    assert lines == [b"next"]


def test_a_full_log_is_rotated_and_the_one_before_is_kept(scratch: Path) -> None:
    path = scratch / "log"
    log = LogFile(str(path), Masker([]), max_bytes=10)
    for text in (b"12345678", b"abcdefgh", b"ABCDEFGH"):
        log.write(text)
    log.close()
    assert path.read_bytes() == b"ABCDEFGH"
    assert (scratch / "log.1").read_bytes() == b"abcdefgh"


def test_a_log_on_a_full_disk_is_given_up_and_says_so() -> None:
    log = LogFile("/dev/full", Masker([]), max_bytes=1 << 20)
    log.write(b"lost")
    log.write(b"lost too")
    log.close()
    assert log.fault == "/dev/full: No space left on device"
