"""The index beside the logs tells in which order both streams wrote, and stays small."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from codexlab.env.secrets.mask import Masker
from codexlab.supervisor.output.log import LogFile
from codexlab.supervisor.output.order import INDEX_NAME, MARK, RECORD, OutputIndex

LARGE = 1 << 24


class Written:
    """Two logs and their index, in a directory."""

    def __init__(self, place: Path, log_bytes: int = LARGE, index_bytes: int = LARGE) -> None:
        self.path = place / INDEX_NAME
        self.index = OutputIndex(str(self.path), index_bytes)
        self.out, self.err = (
            LogFile(str(place / name), Masker([]), log_bytes, place=self.index.place(number))
            for number, name in enumerate(("out", "err"))
        )

    def close(self) -> None:
        self.out.close()
        self.err.close()
        self.index.close()

    def records(self) -> list[tuple[int, int, int]]:
        return [(a, b, c) for a, b, c in RECORD.iter_unpack(self.path.read_bytes())]


def test_each_change_of_the_stream_is_a_record_of_what_both_had_written(scratch: Path) -> None:
    written = Written(scratch)
    for log, text in ((written.out, b"one"), (written.err, b"four"), (written.out, b"five")):
        log.write(text)
    written.close()
    heads, pieces = written.records()[:2], written.records()[2:]
    assert heads == [
        (MARK, os.stat(scratch / "out").st_ino, 0),
        (MARK, os.stat(scratch / "err").st_ino, 0),
    ]
    assert [piece[1:] for piece in pieces] == [(0, 0), (3, 0), (3, 4)]
    assert sorted(pieces) == pieces


def test_pieces_of_one_stream_in_an_instant_are_one(scratch: Path) -> None:
    written = Written(scratch)
    for _ in range(1000):
        written.out.write(b"a line\n")
    written.close()
    assert len(written.records()) < 200


def test_the_index_is_never_more_than_a_share_of_the_output(scratch: Path) -> None:
    written = Written(scratch)
    for _ in range(50_000):
        written.out.write(b"o")
        written.err.write(b"e")
    written.close()
    assert 2000 * RECORD.size < written.path.stat().st_size < 3100 * RECORD.size


def test_its_head_names_the_file_that_a_rotated_log_goes_on_in(scratch: Path) -> None:
    written = Written(scratch, log_bytes=10)
    for text in (b"12345678", b"abcdefgh", b"ABCDEFGH"):
        written.out.write(text)
    written.close()
    assert written.records()[0] == (MARK, os.stat(scratch / "out").st_ino, 16)


def test_an_index_that_grows_too_large_is_rotated_too(scratch: Path) -> None:
    written = Written(scratch, index_bytes=4096)
    for _ in range(300):
        written.out.write(b"o" * 200)
        written.err.write(b"e" * 200)
    written.close()
    before = scratch / f"{INDEX_NAME}.1"
    assert max(written.path.stat().st_size, before.stat().st_size) <= 4096
    heads = [(MARK, os.stat(scratch / name).st_ino, 0) for name in ("out", "err")]
    assert written.records()[:2] == heads
    last = [*RECORD.iter_unpack(before.read_bytes())][-1]
    assert sum(written.records()[2][1:]) - sum(last[1:]) == 200


@pytest.mark.parametrize("planted", ["link", "fifo", "directory"])
def test_an_index_that_cannot_be_written_harms_no_log(scratch: Path, planted: str) -> None:
    path = scratch / INDEX_NAME
    if planted == "link":
        path.symlink_to(scratch / "victim")
    elif planted == "fifo":
        os.mkfifo(path)
    else:
        path.mkdir()
    written = Written(scratch)
    written.out.write(b"text")
    written.close()
    assert (scratch / "out").read_bytes() == b"text"
    assert not (scratch / "victim").exists()
    assert written.index.fault is not None
