"""What is about to be the only form outlives a power cut before the other one goes.

Whoever made the file need not have synced it: an agent that appends does not. So when a
frame is unlinked, the plain file and its name were made durable just before; when a plain
file is taken away, the frame was.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.rollout.cases import (
    BASE,
    LATE,
    NOW,
    THREAD,
    Case,
    Lines,
    Store,
    Work,
    finishing_two_equal_forms,
    materializing,
    putting_back,
    withdrawing_a_frame_that_holds_less,
)
from support.rollout.files import write

from codexlab.rollout.operations.file_ops import FileOps
from codexlab.rollout.reconcile.materialize import materialize
from codexlab.rollout.reconcile.recover import recover
from codexlab.rollout.reconcile.retired import settle

pytestmark = pytest.mark.one_python


class Watched(FileOps):
    """The system calls, with what each form's end relies on looked at."""

    def __init__(self) -> None:
        self.durable: set[tuple[int, int]] = set()
        self.gone: list[str] = []

    def sync_file(self, fd: int) -> None:
        super().sync_file(fd)
        stat = os.fstat(fd)
        self.durable.add((stat.st_ino, stat.st_size))

    def sync_directory(self, path: str) -> None:
        super().sync_directory(path)
        self.durable.add((os.stat(path).st_ino, 0))

    def withdraw(self, compressed: str) -> None:
        self._expect(compressed.removesuffix(".zst"))
        self.gone.append(compressed)
        super().withdraw(compressed)

    def retire(self, plain: str, kept: str) -> None:
        self._expect(plain + ".zst")
        self.gone.append(plain)
        super().retire(plain, kept)

    def _expect(self, path: str) -> None:
        stat = os.stat(path)
        assert (stat.st_ino, stat.st_size) in self.durable
        assert (os.stat(os.path.dirname(path)).st_ino, 0) in self.durable


def dropping_a_frame_under_the_lease(store: Store) -> tuple[Work, Lines]:
    write(store.plain, BASE, compressed=True)
    write(store.plain, BASE + LATE)
    return _materialize, (LATE,)


def _materialize(store: Store, calls: FileOps) -> None:
    with store.places.locks.lease(THREAD) as lease:
        assert materialize(store.places.using(calls), store.rollout, lease, rest=0)


@pytest.mark.parametrize(
    "case",
    [
        finishing_two_equal_forms,
        withdrawing_a_frame_that_holds_less,
        dropping_a_frame_under_the_lease,
        putting_back,
        materializing,
    ],
)
def test_the_form_that_stays_is_durable_before_the_other_goes(case: Case, tmp_path: Path) -> None:
    store = Store(tmp_path)
    work, _ = case(store)
    calls = Watched()
    work(store, calls)
    assert len(calls.gone) == 1


def test_a_plain_file_that_holds_a_kept_one_is_durable_before_that_goes(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.compressed()
    kept = store.kept
    _materialize(store, FileOps())
    calls = Watched()
    list(settle(store.places.using(calls), NOW))
    assert not kept.exists()
    stat = store.plain.stat()
    assert (stat.st_ino, stat.st_size) in calls.durable
    assert not list(recover(store.places, NOW))
