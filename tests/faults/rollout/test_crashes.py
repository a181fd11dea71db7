"""Killed before any system call that changes a store: both before and after it is whole.

Invariant: right after the kill either form is readable and holds every line; after
the next sweep one form is left, every line is there once, and nothing else is.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from support.rollout.cases import BASE, CASES, Case, Store, Work, joining_a_shadow
from support.rollout.writers import come_to_rest, left_over, logical

from codexlab.rollout.operations.file_ops import FileOps

pytestmark = pytest.mark.one_python


class KilledBefore(FileOps):
    """The system calls, with SIGKILL to ourselves before the n-th that changes anything."""

    _HARMLESS = frozenset({"is_read_lease_unbroken", "has_writers"})

    def __init__(self, step: int) -> None:
        self._left = step

    def __getattribute__(self, name: str) -> Any:
        value = object.__getattribute__(self, name)
        if name.startswith("_") or name in KilledBefore._HARMLESS:
            return value
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1
        return value


def run_until_killed(store: Store, work: Work, step: int) -> bool:
    """Do the work in a child that dies before its ``step``-th call; False: it ended."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            work(store, KilledBefore(step))
            os._exit(0)
        os._exit(1)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


@pytest.mark.parametrize("case", CASES)
def test_killed_before_each_call_the_next_sweep_leaves_every_line_once(
    case: Case, tmp_path: Path
) -> None:
    kills = 0
    for step in range(100):
        store = Store(tmp_path / str(step))
        work, extra = case(store)
        killed = run_until_killed(store, work, step)
        assert BASE in logical(store.rollout) or case is joining_a_shadow
        come_to_rest(store.places)
        seen = logical(store.rollout)
        assert seen.startswith(BASE)
        assert sorted(seen[len(BASE) :].splitlines(True)) == sorted(extra)
        assert left_over(store.places) == []
        assert len(store.forms()) == 1
        if not killed:
            break
        kills += 1
    else:
        pytest.fail("the work never ended")
    assert kills >= 3
