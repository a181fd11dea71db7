"""A small file is read whole, a pipe to its end, and nobody is waited for who is not there."""

from __future__ import annotations

import os
import pty
from pathlib import Path

import pytest

from codexlab.kernel.files.small_file import read_small_file

LIMIT = 1000


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


def test_a_file_is_read_and_one_byte_more_than_the_limit_tells_that_it_is_larger(
    tmp_path: Path,
) -> None:
    path = tmp_path / "file"
    for size in (0, LIMIT, LIMIT + 1, 3 * LIMIT):
        path.write_bytes(b"x" * size)
        assert len(read_small_file(path, LIMIT)) == min(size, LIMIT + 1)
    assert read_small_file(os.devnull, LIMIT) == b""
    assert len(read_small_file("/dev/zero", LIMIT)) == LIMIT + 1


def test_a_named_pipe_that_nobody_writes_to_is_refused_at_once(fifo: Path) -> None:
    with pytest.raises(OSError, match="a named pipe that nobody writes to"):
        read_small_file(fifo, LIMIT)


def test_a_named_pipe_is_read_until_its_writer_has_gone(
    fifo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Open for both, as nothing waits for the other end then.
    writer = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    set_blocking = os.set_blocking

    def say_more_first(fd: int, blocking: bool) -> None:
        os.write(writer, b"said later\n")
        os.close(writer)
        set_blocking(fd, blocking)

    monkeypatch.setattr(os, "set_blocking", say_more_first)
    assert read_small_file(fifo, LIMIT) == b"said later\n"


def test_a_pipe_without_a_name_may_be_empty_and_its_writer_gone() -> None:
    for said in (b"", b"said before\n"):
        read, write = os.pipe()
        os.write(write, said)
        os.close(write)
        assert read_small_file(f"/dev/fd/{read}", LIMIT) == said
        os.close(read)


def test_a_terminal_and_a_directory_are_refused(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    with pytest.raises(OSError, match="is a terminal"):
        read_small_file(os.ttyname(theirs), LIMIT)
    os.close(ours)
    os.close(theirs)
    with pytest.raises(IsADirectoryError):
        read_small_file(tmp_path, LIMIT)
