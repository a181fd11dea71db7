"""A thread that its owner archives or unarchives, at any step of ours, is whole where it went.

codex moves the form it sees, the plain one where there are both, under its own locks:
what it does falls between our steps, or waits for us. Whatever we were at, the thread
then has every line, once, in the place its owner chose.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.rollout import files
from support.rollout.cases import (
    BASE,
    CASES,
    THREAD,
    Case,
    Store,
    compressing,
    materializing,
    materializing_before_settling,
    putting_back,
    settling,
)
from support.rollout.writers import come_to_rest, left_over, logical

from codexlab.kernel.errors import BusyError, CodexlabError
from codexlab.rollout.locks.thread import ThreadLocks
from codexlab.rollout.operations.file_ops import FileOps

pytestmark = pytest.mark.one_python

_UNDER_THE_LEASE = {materializing, materializing_before_settling}


class Moved:
    """Moves a thread once, as codex does, unless it would have to wait for us."""

    def __init__(self, store: Store, *, archived: bool) -> None:
        self._store = store
        self.target = files.rollout_path(store.home, THREAD, archived=archived)
        self.reached = self.done = self.was_pair = False

    def __call__(self) -> None:
        self.reached = True
        with (
            contextlib.suppress(BusyError),
            ThreadLocks(self._store.home).lease(THREAD, timeout=0),
        ):
            forms = self._store.forms()
            self.target.parent.mkdir(parents=True, exist_ok=True)
            os.rename(forms[0], self.target.parent / os.path.basename(forms[0]))
            self.was_pair = len(forms) == 2
            self.done = True


class MovedBefore(FileOps):
    """The system calls; the thread is moved just before the n-th."""

    def __init__(self, step: int, move: Callable[[], None]) -> None:
        self._left, self._move = step, move

    def __getattribute__(self, name: str) -> Any:
        value = object.__getattribute__(self, name)
        if name.startswith("_"):
            return value
        if self._left == 0:
            self._move()
        self._left -= 1
        return value


def move_at_each_step(case: Case, base: Path, *, archived: bool) -> int:
    """Return at how many steps the thread could be moved; all of it must be where it went."""
    moves = 0
    for step in range(100):
        store = Store(base / str(step), archived=not archived)
        work, extra = case(store)
        moved = Moved(store, archived=archived)
        # The work may well find nothing to do any more.
        with contextlib.suppress(CodexlabError, OSError, AssertionError):
            work(store, MovedBefore(step, moved))
        come_to_rest(store.places)
        there = store.places.rollout(str(moved.target))
        if moved.was_pair:
            # codex leaves the other form where it was; we withdraw it or verify reports it.
            both = logical(there) + (logical(store.rollout) if store.forms() else b"")
            assert set((BASE + b"".join(extra)).splitlines()) == set(both.splitlines()), step
        else:
            lines = logical(there if moved.done else store.rollout)
            assert lines.startswith(BASE), step
            assert sorted(lines[len(BASE) :].splitlines(True)) == sorted(extra), step
            assert not (moved.done and store.forms()), step
        assert left_over(store.places) == [], step
        if not moved.reached:
            return moves
        moves += moved.done
    pytest.fail("the work never ended")


@pytest.mark.parametrize("case", CASES)
def test_what_codex_archives_between_two_steps_is_whole_there(case: Case, tmp_path: Path) -> None:
    moves = move_at_each_step(case, tmp_path, archived=True)
    # Materializing is all done under the thread's lease: codex would have to wait.
    assert (moves == 0) == (case in _UNDER_THE_LEASE)


@pytest.mark.parametrize("case", [compressing, settling, putting_back])
def test_what_codex_unarchives_between_two_steps_is_whole_there(case: Case, tmp_path: Path) -> None:
    assert move_at_each_step(case, tmp_path, archived=False)
