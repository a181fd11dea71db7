"""The pieces of both logs come in their order and once, also while they grow and are rotated."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from codexlab.env.secrets.mask import Masker
from codexlab.supervisor.logs.lines import LineCutter
from codexlab.supervisor.logs.run_logs import Piece, RunLogs, StreamName
from codexlab.supervisor.output.log import LogFile
from codexlab.supervisor.output.order import INDEX_NAME, OutputIndex


class Writer:
    """What a run does to its logs."""

    def __init__(self, place: Path, log_bytes: int, index_bytes: int = 1 << 20) -> None:
        index = OutputIndex(str(place / INDEX_NAME), index_bytes)
        self.out, self.err = (
            LogFile(str(place / f"{name}.log"), Masker([]), log_bytes, place=index.place(number))
            for number, name in enumerate(("stdout", "stderr"))
        )


@pytest.fixture
def place(scratch: Path) -> Path:
    path = scratch / "logs"
    path.mkdir()
    return path


@pytest.fixture
def writer(place: Path) -> Writer:
    return Writer(place, log_bytes=1000)


@pytest.fixture
def logs(place: Path, writer: Writer) -> Iterator[RunLogs]:
    logs = RunLogs(str(place), "")
    yield logs
    logs.close()


def texts(pieces: Iterator[Piece]) -> list[bytes]:
    return [piece.data for piece in pieces]


def test_a_reader_gets_what_is_new_and_in_its_order(writer: Writer, logs: RunLogs) -> None:
    writer.out.write(b"a")
    writer.err.write(b"b")
    assert texts(logs.read(over=False)) == [b"a", b"b"]
    assert texts(logs.read(over=False)) == []
    writer.err.write(b"c")
    writer.out.write(b"d")
    writer.err.write(b"e")
    assert texts(logs.read(over=False)) == [b"c", b"d", b"e"]


def test_a_reader_follows_through_rotations(writer: Writer, logs: RunLogs) -> None:
    seen = b""
    for number in range(100):
        writer.out.write(b"%099d\n" % number)
        writer.err.write(b"%099d\n" % number)
        seen += b"".join(texts(logs.read(over=False)))
    assert seen == b"".join(b"%099d\n" % (number // 2) for number in range(200))


def test_a_reader_who_slept_misses_only_what_is_gone(writer: Writer, logs: RunLogs) -> None:
    writer.out.write(b"first\n")
    assert texts(logs.read(over=False)) == [b"first\n"]
    for number in range(100):
        writer.out.write(b"%099d\n" % number)
    lines = b"".join(texts(logs.read(over=True))).splitlines()
    # What was open, the one before the newest, and the newest.
    assert lines[-1] == b"%099d" % 99
    assert logs.problems == [
        f"stdout.log: {(100 - len(lines)) * 100} bytes were rotated away before they were read"
    ]
    assert len(lines) == len(set(lines)) >= 20
    assert sorted(lines) == lines


def test_the_oldest_that_is_kept_is_shown_by_a_new_reader(place: Path) -> None:
    writer = Writer(place, log_bytes=1000, index_bytes=4096)
    for number in range(300):
        writer.out.write(b"%099d\n" % number)
        writer.err.write(b"%099d\n" % number)
    logs = RunLogs(str(place), "")
    pieces, problems = [*logs.read(over=True)], logs.problems
    logs.close()
    for stream in (StreamName.STDOUT, StreamName.STDERR):
        lines = b"".join(each.data for each in pieces if each.stream is stream).splitlines()
        assert lines == [b"%099d" % number for number in range(300 - len(lines), 300)]
        assert len(lines) > 10
    assert problems == []
    assert all(piece.when is not None for piece in pieces)


def test_a_window_before_the_end_begins_with_a_line(writer: Writer, logs: RunLogs) -> None:
    for number in range(8):
        writer.out.write(b"%049d\n" % number)
        writer.err.write(b"%049d\n" % number)
    assert logs.go_to_last(120) is False
    assert texts(logs.read(over=True)) == [b"%049d\n" % 7] * 2
    assert logs.go_to_last(1 << 20) is True
    assert len(b"".join(texts(logs.read(over=True)))) == 800


def test_a_window_in_a_long_piece_shows_no_older_line_of_the_other(place: Path) -> None:
    writer = Writer(place, log_bytes=1 << 20)
    writer.err.write(b"long ago\n")
    writer.out.write(b"".join(b"%049d\n" % number for number in range(100)))
    logs = RunLogs(str(place), "")
    logs.go_to_last(100)
    assert b"".join(texts(logs.read(over=True))).splitlines() == [b"%049d" % 98, b"%049d" % 99]
    logs.close()


def test_a_moment_begins_with_the_first_piece_at_or_after_it(writer: Writer, logs: RunLogs) -> None:
    for text in (b"a\n", b"b\n", b"c\n"):
        writer.out.write(text)
        writer.err.write(text.upper())
    pieces = [*logs.read(over=True)]
    middle = pieces[3].when
    assert middle is not None
    logs.go_to_time(middle)
    assert b"".join(texts(logs.read(over=True))).endswith(b"B\nc\nC\n")
    logs.go_to_time(middle + 1e6)
    assert texts(logs.read(over=True)) == []


def test_a_copied_run_is_read_though_its_files_are_others(place: Path, writer: Writer) -> None:
    writer.out.write(b"a")
    writer.err.write(b"b")
    for name in ("stdout.log", "stderr.log"):
        data = (place / name).read_bytes()
        (place / name).rename(place / "aside")
        (place / name).write_bytes(data)
    logs = RunLogs(str(place), "")
    assert texts(logs.read(over=True)) == [b"a", b"b"]
    logs.close()


def test_a_removed_directory_is_noticed(place: Path, logs: RunLogs) -> None:
    assert not logs.is_gone
    for path in place.iterdir():
        path.unlink()
    place.rmdir()
    assert logs.is_gone


def test_lines_are_cut_for_each_stream_and_a_long_one_comes_in_parts() -> None:
    cutter = LineCutter()

    def feed(stream: StreamName, when: float, data: bytes) -> list[tuple[float | None, bytes]]:
        return [(line.when, line.text) for line in cutter.feed(Piece(stream, when, data))]

    assert feed(StreamName.STDOUT, 1, b"be") == []
    assert feed(StreamName.STDERR, 2, b"x\ny") == [(2, b"x")]
    assert feed(StreamName.STDOUT, 3, b"gun\nnext\n") == [(1, b"begun"), (3, b"next")]
    assert [line.text for line in cutter.finish()] == [b"y"]
    assert len(feed(StreamName.STDOUT, 4, b"z" * (2 << 20))) == 1
    assert len(next(cutter.finish()).text) == 1 << 20


def test_descriptors_are_given_back(place: Path, writer: Writer) -> None:
    before = len(os.listdir("/proc/self/fd"))
    logs = RunLogs(str(place), "")
    for number in range(50):
        writer.out.write(b"%099d\n" % number)
        for _ in logs.read(over=False):
            pass
    assert len(os.listdir("/proc/self/fd")) < before + 8
    logs.close()
    assert len(os.listdir("/proc/self/fd")) == before
