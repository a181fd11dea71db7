"""Lines led back to a thread by an append that is cut short: each is there once all the same.

Invariant: wherever within the lines a process dies or the disk fills up, and whoever
writes to the thread before the next sweep, afterwards every line of either file is in
the rollout once, whole, and the kept file is gone.
"""

from __future__ import annotations

import errno
import itertools
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from support.rollout import files
from support.rollout.writers import left_over
from support.ticks import wait_one_tick

from codexlab.rollout.compression.compress import compress
from codexlab.rollout.operations.file_ops import FileOps
from codexlab.rollout.operations.handle import StoreHandle
from codexlab.rollout.reconcile.materialize import restore
from codexlab.rollout.reconcile.retired import SettleOptions, settle

pytestmark = pytest.mark.one_python

THREAD = files.thread_id(1)
BASE = files.lines(files.meta(THREAD), files.message("user", "base"))
LATE = files.lines(*(files.message("user", f"late {n}") for n in range(3)))
OTHER, BETWEEN = (files.lines(files.message("user", text)) for text in ("other", "between"))
HALF, REST = b'{"torn":"ab', b'cd"}\n'
NOW = SettleOptions(grace=0, rest=0)
CUTS = (0, 3, 40, 150, 160, -1, 1 << 20)


class Died(BaseException):
    """The process ends here."""


def full() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def dead() -> None:
    raise Died


class CutShort(FileOps):
    """An append of which only the first ``cut`` bytes come to be, all but so many if negative."""

    def __init__(self, cut: int, end: Callable[[], None]) -> None:
        self._cut, self._end = cut, end

    def append(self, fd: int, data: bytes) -> None:
        os.write(fd, data[: self._cut])
        self._end()


class Thread:
    """A thread whose kept file has grown: by ``LATE``, after the rest of its last line if torn."""

    def __init__(self, home: Path, *, torn: bool) -> None:
        self.torn = torn
        self.places = StoreHandle(home)
        self.plain = files.write(files.rollout_path(home, THREAD), BASE + HALF * torn)
        self.rollout = self.places.rollout(str(self.plain))
        wait_one_tick(self.plain)
        assert next(compress(self.places, [self.rollout])).outcome == "compressed"
        (kept,) = (path for path in Path(self.places.kept).iterdir() if path.suffix == ".0")
        _append(kept, REST * torn + LATE)

    def write_as_codex(self, data: bytes) -> None:
        """End a torn line, as codex does when it resumes, then append."""
        torn = not self.plain.read_bytes().endswith(b"\n")
        _append(self.plain, b"\n" * torn + data)

    def settle(self, calls: FileOps | None = None) -> None:
        list(settle(self.places.using(calls or FileOps()), NOW))

    def expect(self, *lines: bytes) -> None:
        whole = [*LATE.splitlines(), (HALF + REST).strip()] if self.torn else LATE.splitlines()
        wanted = [*BASE.splitlines(), *whole, *(line.strip() for line in lines)]
        seen = Counter(self.plain.read_bytes().splitlines())
        assert {line: seen[line] for line in wanted} == dict.fromkeys(wanted, 1)
        assert left_over(self.places) == []


def _append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def _fail_within(thread: Thread, cut: int, end: Callable[[], None]) -> None:
    try:
        thread.settle(CutShort(cut, end))
    except Died:
        assert end is dead


@pytest.mark.parametrize("end", [dead, full])
@pytest.mark.parametrize("torn", [False, True], ids=["whole", "torn"])
@pytest.mark.parametrize("other", [False, True], ids=["alone", "beside another"])
def test_an_append_that_is_cut_short_is_finished_by_the_next_sweep(
    tmp_path: Path, *, other: bool, torn: bool, end: Callable[[], None]
) -> None:
    for cut, between in itertools.product(CUTS, (False, True)):
        thread = Thread(tmp_path / f"{cut} {between}", torn=torn)
        restore(thread.places, thread.rollout)
        if other:
            thread.write_as_codex(OTHER)
        _fail_within(thread, cut, end)
        if between:
            thread.write_as_codex(BETWEEN)
        thread.settle()
        thread.expect(*([OTHER] * other + [BETWEEN] * between))


@pytest.mark.parametrize("end", [dead, full])
def test_an_append_that_is_cut_short_again_and_again_is_finished_all_the_same(
    tmp_path: Path, end: Callable[[], None]
) -> None:
    thread = Thread(tmp_path, torn=True)
    restore(thread.places, thread.rollout)
    for cut in (3, 40, 150, 2):
        _fail_within(thread, cut, end)
    thread.settle()
    thread.expect()


def test_a_note_that_a_full_disk_tore_doubles_no_line(tmp_path: Path) -> None:
    thread = Thread(tmp_path, torn=False)
    restore(thread.places, thread.rollout)
    thread.write_as_codex(OTHER)
    (group,) = Path(thread.places.kept).glob("*.jsonl")
    _append(group, b'{"v": 1, "kind": "reti')
    _fail_within(thread, 1 << 20, dead)
    thread.settle()
    thread.expect(OTHER)
