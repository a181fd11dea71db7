"""Killed before any system call that changes a store: both before and after it is whole.

Invariant: right after the kill either form is readable and holds every line; after
the next sweep one form is left, every line is there once, and nothing else is.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import rollout_files as files
from support.rollout_writers import come_to_rest, left_over, logical

from codexlab.rollout import (
    Calls,
    Places,
    SettleOptions,
    Subject,
    append,
    compress,
    find_places,
    materialize,
    recover,
    settle,
)

THREAD = files.thread_id(1)
BASE = files.lines(files.meta(THREAD), *(files.message("user", f"line {n}") for n in range(9)))
LATE, NEW = b'{"by":"a late writer"}\n', b'{"by":"the next writer"}\n'
NOW = SettleOptions(grace=0, rest=0)


class KilledBefore(Calls):
    """The system calls, with SIGKILL to ourselves before the n-th that changes anything."""

    _HARMLESS = frozenset({"is_lease_unbroken", "has_writers"})

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


class Crash:
    """A store on which one piece of work is done by a process that is killed."""

    def __init__(self, home: Path) -> None:
        self.plain = files.rollout_path(home, THREAD)
        self.home = home
        self.places: Places = find_places(home)

    @property
    def subject(self) -> Subject:
        return self.places.subject(str(self.plain))

    @property
    def kept(self) -> Path:
        return next(
            path for path in Path(self.places.kept).iterdir() if path.suffix[1:].isdecimal()
        )

    def compressed(self) -> None:
        files.write(self.plain, BASE)
        self.wait_one_tick()
        assert next(compress(self.places, [self.subject])).outcome == "compressed"

    def wait_one_tick(self) -> None:
        probe = self.home / "tick"
        while True:
            probe.touch()
            if probe.stat().st_ctime_ns - self.plain.stat().st_ctime_ns > 30_000_000:
                return

    def run_until_killed(self, work: Work, step: int) -> bool:
        """Do the work in a child that dies before its ``step``-th call; False: it ended."""
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                work(self, KilledBefore(step))
                os._exit(0)
            os._exit(1)
        status = os.waitpid(child, 0)[1]
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
        return os.WIFSIGNALED(status)


Work = Callable[[Crash, Calls], None]
Lines = tuple[bytes, ...]


def compressing(store: Crash) -> tuple[Work, Lines]:
    files.write(store.plain, BASE)
    store.wait_one_tick()
    return lambda s, calls: _exhaust(compress(s.places, [s.subject], calls=calls)), ()


def settling(store: Crash) -> tuple[Work, Lines]:
    store.compressed()
    return _settle, ()


def putting_back(store: Crash) -> tuple[Work, Lines]:
    store.compressed()
    _add(store.kept, LATE)
    return _settle, (LATE,)


def salvaging(store: Crash) -> tuple[Work, Lines]:
    store.compressed()
    append(store.places, store.subject, [NEW.rstrip()])
    _add(store.kept, LATE)
    return _settle, (NEW, LATE)


def salvaging_into_a_newer_frame(store: Crash) -> tuple[Work, Lines]:
    store.compressed()
    late = store.kept
    append(store.places, store.subject, [NEW.rstrip()])
    _add(late, LATE)
    store.wait_one_tick()
    list(compress(store.places, [store.subject]))
    return _settle, (NEW, LATE)


def joining_a_shadow(store: Crash) -> tuple[Work, Lines]:
    store.compressed()
    store.plain.write_bytes(LATE)
    return _recover, (LATE,)


def finishing_two_equal_forms(store: Crash) -> tuple[Work, Lines]:
    files.write(store.plain, BASE)
    files.write(store.plain, BASE, compressed=True)
    return _recover, ()


def withdrawing_a_frame_that_holds_less(store: Crash) -> tuple[Work, Lines]:
    files.write(store.plain, BASE, compressed=True)
    files.write(store.plain, BASE + LATE)
    return _recover, (LATE,)


def materializing(store: Crash) -> tuple[Work, Lines]:
    store.compressed()
    come_to_rest(store.places)
    return _materialize, ()


def materializing_before_settling(store: Crash) -> tuple[Work, Lines]:
    store.compressed()
    return _materialize, ()


def _exhaust(results: Iterator[object]) -> None:
    assert list(results)


def _settle(store: Crash, calls: Calls) -> None:
    _exhaust(settle(store.places, NOW, calls))


def _recover(store: Crash, calls: Calls) -> None:
    _exhaust(recover(store.places, NOW, calls))


def _materialize(store: Crash, calls: Calls) -> None:
    with store.places.locks.lease(THREAD) as lease:
        materialize(store.places, store.subject, lease, calls)


def _add(path: Path, line: bytes) -> None:
    with path.open("ab") as file:
        file.write(line)


CASES = [
    compressing,
    settling,
    putting_back,
    salvaging,
    salvaging_into_a_newer_frame,
    joining_a_shadow,
    finishing_two_equal_forms,
    withdrawing_a_frame_that_holds_less,
    materializing,
    materializing_before_settling,
]


@pytest.mark.parametrize("case", CASES)
def test_killed_before_each_call_the_next_sweep_leaves_every_line_once(
    case: Callable[[Crash], tuple[Work, Lines]], tmp_path: Path
) -> None:
    kills = 0
    for step in range(100):
        store = Crash(tmp_path / str(step))
        work, extra = case(store)
        killed = store.run_until_killed(work, step)
        assert BASE in logical(store.subject) or case is joining_a_shadow
        come_to_rest(store.places)
        seen = logical(store.subject)
        assert seen.startswith(BASE)
        assert sorted(seen[len(BASE) :].splitlines(True)) == sorted(extra)
        assert left_over(store.places) == []
        assert not (
            os.path.exists(store.subject.plain) and os.path.exists(store.subject.compressed)
        )
        if not killed:
            break
        kills += 1
    else:
        pytest.fail("the work never ended")
    assert kills >= 3
