"""A thread that its owner deletes, at any step of ours, stays deleted.

codex deletes under its own locks, so what it does falls between our steps or waits;
a user's ``rm`` falls anywhere. Whatever we were at, no form comes back.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.rollout.cases import (
    BASE,
    CASES,
    Case,
    Store,
    compressing,
    materializing,
    materializing_before_settling,
)
from support.rollout.writers import come_to_rest, logical

from codexlab.kernel.errors import BusyError, CodexlabError
from codexlab.rollout.locks.thread import ThreadLocks
from codexlab.rollout.operations.file_ops import FileOps

pytestmark = pytest.mark.one_python

Delete = Callable[[Store], bool]


def by_codex(store: Store) -> bool:
    """Delete as codex does, unless it would have to wait for us."""
    try:
        lease = ThreadLocks(store.home).lease(store.rollout.thread_id, timeout=0)
    except BusyError:
        return False
    with lease:
        return by_hand(store)


def by_hand(store: Store) -> bool:
    for path in store.forms():
        os.unlink(path)
    return True


class DeletedBefore(FileOps):
    """The system calls; the thread is deleted just before the n-th."""

    def __init__(self, step: int, delete: Callable[[], None]) -> None:
        self._left, self._delete = step, delete

    def __getattribute__(self, name: str) -> Any:
        value = object.__getattribute__(self, name)
        if name.startswith("_"):
            return value
        if self._left == 0:
            self._delete()
        self._left -= 1
        return value


def _delete(store: Store, delete: Delete, gone: dict[str, bool]) -> None:
    gone.update(reached=True, at=delete(store))


def delete_at_each_step(case: Case, delete: Delete, base: Path) -> int:
    """Return at how many steps the thread could be deleted; none of them may bring it back."""
    deletions = 0
    for step in range(100):
        store = Store(base / str(step))
        work, extra = case(store)
        gone = {"reached": False, "at": False}
        calls = DeletedBefore(step, partial(_delete, store, delete, gone))
        # The work may well find nothing to do any more.
        with contextlib.suppress(CodexlabError, OSError, AssertionError):
            work(store, calls)
        come_to_rest(store.places)
        if gone["at"]:
            deletions += 1
            assert store.forms() == []
        else:
            assert sorted(logical(store.rollout)[len(BASE) :].splitlines(True)) == sorted(extra)
        if not gone["reached"]:
            return deletions
    pytest.fail("the work never ended")


@pytest.mark.parametrize("case", CASES)
def test_what_codex_deletes_between_two_steps_stays_deleted(case: Case, tmp_path: Path) -> None:
    deletions = delete_at_each_step(case, by_codex, tmp_path)
    # Materializing is all done under the thread's lease: codex would have to wait.
    assert (deletions == 0) == (case in {materializing, materializing_before_settling})


def test_what_is_removed_by_hand_at_any_step_of_compressing_stays_removed(tmp_path: Path) -> None:
    assert delete_at_each_step(compressing, by_hand, tmp_path) >= 10
